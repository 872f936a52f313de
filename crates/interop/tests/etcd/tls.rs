//! TLS, with certificates made here, and users with passwords.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use interop::started;
use plan_store::{
    Activation, EndpointName, PinError, Plan, PlanStore, RecordSet, Resolve, Retention, Target,
};
use plan_store_etcd::{Error, EtcdConfig, EtcdStore, Identity, Tls, User};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use interop::cluster::{PATIENCE, free_ports, wait_until};

/// How many ports are tried, because another program may take a free port first.
const TRIES: usize = 3;

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { pem, issuer }
    }

    /// A certificate for this host or user, and its key.
    fn certify(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.pem().into_bytes(),
            key: key.serialize_pem().into_bytes(),
        }
    }
}

/// One member that accepts only TLS.
struct Secured {
    dir: PathBuf,
    authority: Authority,
    url: String,
    /// The arguments of its process.
    arguments: Vec<String>,
    process: Option<Child>,
}

impl Secured {
    /// Starts a member. `asks` says whether it requires certificates of its clients.
    fn start(name: &str, asks: bool) -> Self {
        for _ in 0..TRIES {
            let mut member = Self::prepare(name, asks);
            if member.spawn() {
                return member;
            }
        }
        panic!("no member came up in {TRIES} tries");
    }

    /// Prepares the member without starting its process.
    fn prepare(name: &str, asks: bool) -> Self {
        let dir = std::env::temp_dir().join(format!("etcd-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let authority = Authority::new();
        let server = authority.certify("127.0.0.1");
        let write = |name: &str, pem: &[u8]| {
            let file = dir.join(name);
            fs::write(&file, pem).unwrap();
            file.display().to_string()
        };
        let ports = free_ports(2);
        let (url, peer) = (
            format!("https://{}", ports[0]),
            format!("http://{}", ports[1]),
        );
        let mut arguments = vec![
            format!("--data-dir={}", dir.join("data").display()),
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            format!("--cert-file={}", write("server.pem", &server.certificate)),
            format!("--key-file={}", write("server.key", &server.key)),
            "--log-level=error".into(),
        ];
        let ca = write("ca.pem", authority.pem.as_bytes());
        if asks {
            arguments.push("--client-cert-auth".into());
            arguments.push(format!("--trusted-ca-file={ca}"));
        }
        let us = authority.certify("etcdctl");
        write("us.pem", &us.certificate);
        write("us.key", &us.key);
        Self {
            dir,
            authority,
            url,
            arguments,
            process: None,
        }
    }

    /// Starts the process, and returns whether it answers. It ends if another program has
    /// taken its port.
    fn spawn(&mut self) -> bool {
        let process = Command::new("etcd")
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(started("etcd", process));
        let mut ended = false;
        wait_until("it answers", || {
            let process = self.process.as_mut().unwrap();
            ended = process.try_wait().unwrap().is_some();
            ended || self.ctl(&["endpoint", "status"])
        });
        !ended
    }

    /// Kills it, and starts it again with its old disk.
    fn restart(&mut self) {
        self.kill();
        wait_until("it is back", || self.spawn());
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Whether `etcdctl` succeeds.
    fn ctl(&self, arguments: &[&str]) -> bool {
        let file = |name: &str| self.dir.join(name).display().to_string();
        let output = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", self.url))
            .arg("--command-timeout=1m")
            .arg(format!("--cacert={}", file("ca.pem")))
            .arg(format!("--cert={}", file("us.pem")))
            .arg(format!("--key={}", file("us.key")))
            .args(arguments)
            .output();
        started("etcdctl", output).status.success()
    }

    fn config(&self) -> EtcdConfig {
        let mut config = EtcdConfig::new([&self.url]);
        config.prefix = "/dns/".into();
        config.retention = Retention::newest(1);
        // Long time-outs, so that only the member itself refuses anything.
        config.connect_timeout = PATIENCE;
        config.request_timeout = PATIENCE;
        config.tls = Some(Tls {
            ca: self.authority.pem.clone().into_bytes(),
            identity: None,
            domain: None,
        });
        config
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(Path::new(&self.dir));
    }
}

fn endpoint() -> EndpointName {
    "db.example".parse().unwrap()
}

/// Publishes a plan, activates it and reads it.
fn use_store(store: &EtcdStore) {
    let target = Target::new([192, 0, 2, 1].into(), 1);
    let records = RecordSet::new(5, [target]).unwrap();
    let plan = Plan::new([(endpoint(), records)]).unwrap();
    let generation = store.publish(Arc::new(plan)).unwrap();
    let pin = store.latest().unwrap().unwrap();
    let activation = store.activate(&pin, &endpoint()).unwrap();
    assert!(
        matches!(activation, Activation::Activated { .. }),
        "{activation:?}"
    );
    let mut reader = store.reader();
    store.catch_up(PATIENCE).unwrap();
    assert_eq!(reader.resolve(&endpoint()).generation(), Some(generation));
    store.sweep(generation).unwrap();
}

/// The error that a store with this configuration returns.
fn refusal(config: EtcdConfig) -> Error {
    let store = EtcdStore::connect(config).unwrap();
    match store.latest() {
        Err(PinError::Store(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_ends_show_their_certificates() {
    let member = Secured::start("tls", true);
    let with = |authority: &Authority| {
        let mut config = member.config();
        let tls = config.tls.as_mut().unwrap();
        tls.identity = Some(authority.certify("store"));
        config
    };
    use_store(&EtcdStore::connect(with(&member.authority)).unwrap());

    let stranger = Authority::new();
    let mut config = with(&member.authority);
    config.tls.as_mut().unwrap().ca = stranger.pem.clone().into_bytes();
    let error = refusal(config);
    assert!(
        matches!(error, Error::Unreachable { .. }),
        "the member's certificate is signed by an unknown authority: {error}"
    );
    assert!(error.to_string().contains("certificate"), "{error}");

    for (who, config) in [("a stranger", with(&stranger)), ("nobody", member.config())] {
        let error = refusal(config);
        let refused = matches!(error, Error::Unreachable { .. } | Error::NoAnswer { .. });
        assert!(refused, "our certificate is signed by {who}: {error}");
    }

    let mut config = with(&member.authority);
    config.tls.as_mut().unwrap().ca = b"no certificate".to_vec();
    let error = EtcdStore::connect(config).unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error}");
}

#[test]
fn a_user_with_a_password_may_use_its_prefix() {
    let mut member = Secured::start("auth", false);
    for arguments in [
        &["user", "add", "root:secret"][..],
        &["user", "add", "dns:hunter2"],
        &["role", "add", "dns"],
        &[
            "role",
            "grant-permission",
            "--prefix=true",
            "dns",
            "readwrite",
            "/dns/",
        ],
        &["user", "grant-role", "dns", "dns"],
        &["user", "grant-role", "root", "root"],
        &["auth", "enable"],
    ] {
        assert!(member.ctl(arguments), "{arguments:?}");
    }
    let with = |password: &str| {
        let mut config = member.config();
        let (name, password) = ("dns".into(), password.into());
        config.user = Some(User { name, password });
        config
    };
    let store = EtcdStore::connect(with("hunter2")).unwrap();
    use_store(&store);

    for (what, config) in [
        ("no user", member.config()),
        ("a wrong password", with("hunter3")),
    ] {
        let error = refusal(config);
        assert!(matches!(error, Error::Refused { .. }), "{what}: {error}");
    }
    let mut config = with("hunter2");
    config.prefix = "/else/".into();
    let error = refusal(config);
    assert!(error.to_string().contains("permission denied"), "{error}");

    // A restarted member forgets the token that it gave for the password. The store logs
    // in again.
    member.restart();
    use_store(&store);
    wait_until("it is followed again", || store.health().connected);
    store.wait_for_view(Duration::ZERO).unwrap();
}
