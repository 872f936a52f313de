//! The server: sockets and threads around responders.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::Waker;
#[cfg(feature = "transfer")]
use plan_store::Plan;
use plan_store::{DnsStore, Generation};
use tracing::{info, warn};

use crate::counters::{Counters, Counts};
use crate::extras::Extras;
#[cfg(feature = "transfer")]
use crate::notify::Notifier;
use crate::responder::Responder;
use crate::serial::Serial;
use crate::tcp::{TcpLimits, TcpServer};
#[cfg(feature = "transfer")]
use crate::transfer::{TransferCounts, Transfers};
use crate::zone::Zones;
use crate::zone_updates::{SharedZones, ZoneUpdates};
use crate::{Error, udp};

/// How a server listens and answers.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen, over UDP and TCP both. Port 0 takes a free one, the same
    /// for both. An unspecified address (`0.0.0.0`, `::`) needs Linux and the feature
    /// `batch`, and costs more for each query than an address of its own.
    pub listen: Vec<SocketAddr>,
    /// UDP threads for each address, `1..=256`; by default one for each core.
    pub threads: usize,
    /// Whether each UDP thread stays on a core of its own (Linux only).
    pub pin_threads: bool,
    /// Most targets in an answer, `1..=1024`; by default 8.
    pub max_targets: usize,
    /// Where the draws begin. Two servers with the same seed that are asked the
    /// same draw the same targets, thread by thread.
    pub seed: u64,
    /// Limits on TCP clients.
    pub tcp: TcpLimits,
    /// Most replies of one kind that each UDP thread sends to one network in a second; by default
    /// there is no limit. A network has 24 bits of an IPv4 address or 56 of an IPv6 address. All
    /// replies with records for one name are a kind, and so are those of one wildcard, all denials,
    /// and the errors of each code. Clients with a valid cookie have no limit.
    pub rate_limit: Option<NonZeroU32>,
    /// Cookies, and what the server says about itself.
    pub extras: Extras,
    /// What the serial number of the SOA records is more than the generation; by default 0. A
    /// store whose generations begin again with every process needs one that has grown since,
    /// such as the time in seconds, or secondaries take its later plans for earlier ones.
    pub serial_offset: u32,
}

impl ServerConfig {
    /// The defaults, listening on this address.
    pub fn on(address: SocketAddr) -> Self {
        Self {
            listen: vec![address],
            ..Self::default()
        }
    }
}

impl Default for ServerConfig {
    /// Without an address to listen on; with a seed that differs each time.
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            threads: thread::available_parallelism().map_or(1, usize::from),
            pin_threads: false,
            max_targets: 8,
            seed: fastrand::u64(..),
            tcp: TcpLimits::default(),
            rate_limit: None,
            extras: Extras::default(),
            serial_offset: 0,
        }
    }
}

/// An authoritative DNS server that answers from a plan store.
///
/// Serves from [`Server::start`] until it is dropped or told to
/// [`Server::shut_down`].
#[derive(Debug)]
pub struct Server {
    zones: Arc<SharedZones>,
    serial: Serial,
    #[cfg(feature = "transfer")]
    transfers: Arc<Transfers>,
    extras: Arc<Extras>,
    addresses: Vec<SocketAddr>,
    counters: Vec<Arc<Counters>>,
    /// Set once the threads are to stop: how long they still answer what has come in, at most.
    stop: Arc<OnceLock<Duration>>,
    wakers: Vec<Arc<Waker>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// How long a server that stops answers what has come in at most.
const DRAIN: Duration = Duration::from_millis(100);

/// How often another free port is looked for if TCP does not get UDP's.
const PORTS_TRIED: u32 = 16;

impl Server {
    /// Takes the addresses and begins to serve.
    ///
    /// # Errors
    /// [`Error::NoAddress`], [`Error::Unspecified`], [`Error::Setting`], [`Error::Listen`],
    /// [`Error::Thread`]. Nothing is left running after an error.
    pub fn start<S>(store: &S, zones: Zones, config: &ServerConfig) -> Result<Self, Error>
    where
        S: DnsStore,
        S::Reader: 'static,
    {
        if config.listen.is_empty() {
            return Err(Error::NoAddress);
        }
        let unspecified = config.listen.iter().find(|a| a.ip().is_unspecified());
        if let Some(&address) = unspecified.filter(|_| !udp::REPLIES_FROM_ANY) {
            return Err(Error::Unspecified { address });
        }
        if !(1..=256).contains(&config.threads) {
            return Err(Error::Setting {
                setting: "threads",
                value: config.threads,
                bounds: "1 to 256",
            });
        }
        let (zones, serial) = (Arc::new(zones), Serial::with_offset(config.serial_offset));
        let mut server = Self {
            #[cfg(feature = "transfer")]
            transfers: Arc::new(Transfers::new(Arc::clone(&zones), serial.clone())),
            zones: Arc::new(SharedZones::new(zones)),
            serial,
            extras: Arc::new(config.extras.clone()),
            addresses: Vec::new(),
            counters: Vec::new(),
            stop: Arc::default(),
            wakers: Vec::new(),
            threads: Mutex::default(),
        };
        for &address in &config.listen {
            server.serve_address(address, store, config)?;
        }
        #[cfg(feature = "transfer")]
        server.notify_secondaries(config)?;
        Ok(server)
    }

    /// Where it listens, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answers for these zones from the next query on.
    pub fn set_zones(&self, zones: Zones) {
        let zones = Arc::new(zones);
        #[cfg(feature = "transfer")]
        self.transfers.set_zones(Arc::clone(&zones));
        self.zones.set(zones);
    }

    /// Says that this plan has been passed by at each of its endpoints
    /// ([`AppliedPlans`](crate::AppliedPlans)). From then on secondaries can have it, and get
    /// NOTIFY. The serial number of all SOA records is its generation. A plan that is not newer
    /// than the one before changes nothing.
    #[cfg(feature = "transfer")]
    pub fn plan_is_applied(&self, generation: Generation, plan: &Arc<Plan>) {
        self.plan_is_everywhere(generation);
        self.transfers.applied(generation, plan);
    }

    /// Says that this plan has been passed by at each of its endpoints, without letting
    /// secondaries have it. From then on a wildcard of this plan stands for names that later
    /// plans have and that are active nowhere yet. The caller has read each endpoint on this plan
    /// or a later one before.
    pub fn plan_is_everywhere(&self, generation: Generation) {
        self.serial.is_everywhere(generation);
    }

    /// What transfers and NOTIFY have done.
    #[cfg(feature = "transfer")]
    pub fn transfer_counts(&self) -> TransferCounts {
        self.transfers.counts()
    }

    /// Says that this plan is active. The serial number of the SOA records is the newest
    /// generation that was said here, or that an endpoint was answered from.
    pub fn plan_is_active(&self, generation: Generation) {
        self.serial.at_least(generation);
    }

    /// The serial number of the SOA records: the newest generation that is known to be active or,
    /// once secondaries can have one, the newest that they can have; and the
    /// [offset](ServerConfig::serial_offset).
    pub fn serial(&self) -> u32 {
        self.serial.get()
    }

    /// The newest generation that is known to be active.
    pub fn newest_active(&self) -> Option<Generation> {
        self.serial.newest_active()
    }

    /// What all threads together have done.
    pub fn counts(&self) -> Counts {
        let each = self.counters.iter().map(|counters| counters.read());
        each.fold(Counts::default(), |sum, counts| sum.and(&counts))
    }

    /// Whether all serving threads run. A thread ends early only if nothing has succeeded for
    /// a while; it has logged why. A server that was shut down does not serve.
    pub fn is_serving(&self) -> bool {
        let threads = self.threads();
        !threads.is_empty() && !threads.iter().any(JoinHandle::is_finished)
    }

    /// Stops serving, and returns once all threads have ended: within half a second. Each thread
    /// first answers what its sockets have received, for 100 milliseconds at most. The addresses
    /// are free then.
    pub fn shut_down(&self) -> Counts {
        self.shut_down_within(DRAIN)
    }

    /// As [`Server::shut_down`], but each thread answers what its sockets have received for
    /// `drain` at most. It ends earlier if nothing is left. The first call decides.
    pub fn shut_down_within(&self, drain: Duration) -> Counts {
        self.stop.get_or_init(|| drain);
        for waker in &self.wakers {
            if let Err(error) = waker.wake() {
                warn!(%error, "cannot wake a serving thread");
            }
        }
        for thread in std::mem::take(&mut *self.threads()) {
            if thread.join().is_err() {
                warn!("a serving thread had panicked");
            }
        }
        self.counts()
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        // Each change is one step, so a panic leaves nothing half done.
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve_address<S>(
        &mut self,
        address: SocketAddr,
        store: &S,
        config: &ServerConfig,
    ) -> Result<(), Error>
    where
        S: DnsStore,
        S::Reader: 'static,
    {
        let Sockets { udp, tcp, waker } = Sockets::take(address, config)?;
        let address = tcp.local_addr().map_err(listen_error(address, "TCP"))?;
        self.addresses.push(address);
        self.wakers.push(Arc::new(waker));
        let pin = config.pin_threads;
        for (core, socket) in udp.into_iter().enumerate() {
            let mut responder = self.responder(store, config)?;
            self.spawn(format!("dns-udp-{core}"), move |stop| {
                if pin {
                    pin_to_core(core);
                }
                udp::serve(&socket, &mut responder, stop);
            })?;
        }
        let mut responder = self.responder(store, config)?;
        let mut tcp = tcp;
        self.spawn("dns-tcp".into(), move |stop| {
            tcp.serve(&mut responder, stop);
        })?;
        info!(%address, threads = config.threads, "serving");
        Ok(())
    }

    #[cfg(feature = "transfer")]
    fn notify_secondaries(&mut self, config: &ServerConfig) -> Result<(), Error> {
        let notifier = Notifier::new(Arc::clone(&self.transfers), &config.listen);
        let (mut notifier, waker) = notifier.map_err(|source| Error::Thread { source })?;
        self.wakers.push(waker);
        self.spawn("dns-notify".into(), move |stop| notifier.run(stop))
    }

    /// A responder with counters of its own.
    fn responder<S: DnsStore>(
        &mut self,
        store: &S,
        config: &ServerConfig,
    ) -> Result<Responder<S::Reader>, Error> {
        let counters = Arc::new(Counters::default());
        let thread = self.counters.len() as u64;
        self.counters.push(Arc::clone(&counters));
        let seed = config.seed.wrapping_add(thread);
        let (updates, zones) = ZoneUpdates::of(&self.zones);
        let responder = Responder::new(store.reader(), zones, config.max_targets, seed, counters)?;
        let extras = Arc::clone(&self.extras);
        #[cfg(feature = "transfer")]
        let responder = responder.with_transfers(Arc::clone(&self.transfers));
        Ok(responder
            .following(updates, self.serial.clone())
            .with_extras(extras, config.tcp.idle)
            .with_rate_limit(config.rate_limit))
    }

    fn spawn(
        &mut self,
        name: String,
        serve: impl FnOnce(&OnceLock<Duration>) + Send + 'static,
    ) -> Result<(), Error> {
        let stop = Arc::clone(&self.stop);
        let builder = thread::Builder::new().name(name);
        let thread = builder.spawn(move || serve(&stop));
        let thread = thread.map_err(|source| Error::Thread { source })?;
        self.threads().push(thread);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// The sockets of one address, all on the same port.
struct Sockets {
    udp: Vec<std::net::UdpSocket>,
    tcp: TcpServer,
    waker: Waker,
}

impl Sockets {
    /// Takes them. A free port that UDP got may be taken for TCP; then another
    /// is tried.
    fn take(address: SocketAddr, config: &ServerConfig) -> Result<Self, Error> {
        let mut tries = if address.port() == 0 { PORTS_TRIED } else { 1 };
        loop {
            tries -= 1;
            match Self::take_once(address, config) {
                Err(Error::Listen {
                    protocol: "TCP", ..
                }) if tries > 0 => {}
                taken => return taken,
            }
        }
    }

    fn take_once(address: SocketAddr, config: &ServerConfig) -> Result<Self, Error> {
        let udp_error = || listen_error(address, "UDP");
        let first = udp::bind(address).map_err(udp_error())?;
        let address = first.local_addr().map_err(udp_error())?;
        let mut udp = vec![first];
        for _ in 1..config.threads {
            udp.push(udp::bind(address).map_err(udp_error())?);
        }
        let tcp = TcpServer::bind(address, config.tcp);
        let (tcp, waker) = tcp.map_err(listen_error(address, "TCP"))?;
        Ok(Self { udp, tcp, waker })
    }
}

fn listen_error(
    address: SocketAddr,
    protocol: &'static str,
) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Listen {
        address,
        protocol,
        source,
    }
}

#[cfg(all(target_os = "linux", feature = "batch"))]
fn pin_to_core(thread: usize) {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    let this_thread = Pid::from_raw(0);
    let pinned = sched_getaffinity(this_thread).and_then(|allowed| {
        let cores = (0..CpuSet::count()).filter(|&core| allowed.is_set(core) == Ok(true));
        let cores: Vec<_> = cores.collect();
        let mut one = CpuSet::new();
        one.set(cores[thread % cores.len()])?;
        sched_setaffinity(this_thread, &one)
    });
    if let Err(error) = pinned {
        warn!(%error, thread, "cannot keep a thread on its core");
    }
}

#[cfg(not(all(target_os = "linux", feature = "batch")))]
fn pin_to_core(thread: usize) {
    warn!(
        thread,
        "this build cannot keep a thread on its core; build on Linux with the feature `batch`"
    );
}
