//! Our side: a Planner's part, an Enactor's passes, and the server.

use std::net::SocketAddr;
use std::sync::Arc;

use control_plane::{Enactor, Pass};
use data_encoding::BASE64;
use dns_server::{AppliedPlans, NameServer, Secondary, Server, ServerConfig, TsigKey, Zone, Zones};
use plan_store::{EndpointName, MemoryStore, Pin, Plan, PlanStore, RecordSet, Retention, Target};

/// The zone that is transferred.
pub(crate) const ZONE: &str = "shop.example";
/// The name of the key that the secondaries have.
pub(crate) const KEY: &str = "transfer.shop.example";
/// The endpoint at the zone's first name. A pass activates it before all others.
pub(crate) const FIRST: &str = "a.shop.example";
/// The endpoint that a pass activates last.
pub(crate) const LAST: &str = "z.shop.example";
/// How many endpoints are between them.
const BETWEEN: u32 = 40;

/// The secret of the key, in base64.
pub(crate) fn secret() -> String {
    BASE64.encode(b"the secret of the tests of interop")
}

pub(crate) struct Primary {
    store: MemoryStore,
    enactor: Enactor<MemoryStore>,
    applied: AppliedPlans<<MemoryStore as PlanStore>::Reader>,
    pub(crate) server: Server,
}

fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

/// The address that endpoints have in this plan.
pub(crate) fn address(plan: u32) -> [u8; 4] {
    let [_, _, high, low] = plan.to_be_bytes();
    [10, 0, high, low]
}

impl Primary {
    /// A primary of the zone, for a secondary that gets NOTIFY at this address.
    pub(crate) fn start(secondary: SocketAddr) -> Self {
        let key: TsigKey = format!("hmac-sha256:{KEY}:{}", secret()).parse().unwrap();
        let key = Arc::new(key);
        let secondary = Secondary {
            port: secondary.port(),
            ..Secondary::new(secondary.ip(), Some(key))
        };
        let name_server = NameServer {
            name: name("ns1.shop.example"),
            addresses: vec!["192.0.2.253".parse().unwrap()],
        };
        let zone = Zone::new(name(ZONE), [name_server]).unwrap();
        let zones = Zones::new([zone.with_secondaries([secondary])]).unwrap();
        let store = MemoryStore::new(Retention::newest(2));
        let config = ServerConfig {
            threads: 1,
            ..ServerConfig::on("127.0.0.1:0".parse().unwrap())
        };
        Self {
            server: Server::start(&store, zones, &config).unwrap(),
            enactor: Enactor::new("az1", store.clone()),
            applied: AppliedPlans::new(store.reader()),
            store,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// Publishes the plan with this number, which is its generation, and enacts it. The first
    /// and the last endpoint, and one of those between, have an address that says the number.
    pub(crate) fn serve(&mut self, plan: u32) {
        let records = |plan| {
            let target = Target::new(address(plan).into(), 1);
            RecordSet::new(5, [target]).unwrap()
        };
        let at = |n: u32| name(&format!("m{n}.shop.example"));
        let latest = self.store.latest().unwrap();
        let content = match &latest {
            None => {
                let all = (0..BETWEEN).map(|n| (at(n), records(0)));
                let ends = [FIRST, LAST].map(|end| (name(end), records(plan)));
                Plan::new(all.chain(ends)).unwrap()
            }
            Some(latest) => {
                let ends = [FIRST, LAST].map(|end| (name(end), Some(records(plan))));
                // In every third plan, an endpoint goes or comes back.
                let one = at(plan % BETWEEN);
                let is_there = latest.plan().names(&one);
                let change = (!plan.is_multiple_of(3) || !is_there).then(|| records(plan));
                latest
                    .plan()
                    .changed(ends.into_iter().chain([(one, change)]))
                    .unwrap()
            }
        };
        let generation = self.store.publish(Arc::new(content)).unwrap();
        assert_eq!(generation.get(), plan);
        let pass = self.enactor.pass().unwrap();
        assert!(matches!(pass, Pass::Applied { .. }), "{pass:?}");
        let store = &self.store;
        let latest = || {
            let pin = store.latest().unwrap()?;
            Some((pin.generation(), Arc::clone(pin.plan())))
        };
        let (applied, content) = self.applied.look(latest).unwrap();
        self.server.plan_is_applied(applied, &content);
    }

    /// The newest plan.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        Arc::clone(self.store.latest().unwrap().unwrap().plan())
    }
}
