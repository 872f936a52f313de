//! Fleet files, good and bad, for the tests of the loader and of the JSON Schema.

/// A valid fleet. Each case below spoils one thing in it.
pub(crate) const GOOD: &str = r#"[timings]
planner_interval_ms = 1000
backoff_first_ms = 50
backoff_max_ms = 5000
recheck_ms = 1000
[planner]
max_removal_percent = 30
[store]
keep_newest = 3
[[endpoint]]
name = "a.example"
ttl = 5
[[endpoint.target]]
address = "192.0.2.1"
zone = "z1"
capacity = 100
weight = 10
[[endpoint.target]]
address = "2001:db8::1"
zone = "z1"
capacity = 100
[[endpoint]]
name = "b.example"
[[endpoint.target]]
address = "192.0.2.1"
zone = "z1"
capacity = 100
[[health]]
at = 3
target = "192.0.2.1"
healthy = false
"#;

/// What is replaced in [`GOOD`] (the last occurrence), by what, the line and
/// column of the error, and what it says.
pub(crate) type Case = (
    &'static str,
    &'static str,
    (usize, usize),
    &'static [&'static str],
);

#[rustfmt::skip] // One case, one line.
pub(crate) const CASES: &[Case] = &[
    // Not TOML, or not of this shape.
    ("[store]", "[store", (8, 7), &["unclosed table", "`]`", "correct the TOML here"]),
    ("ttl = 5", "ttl 5", (12, 5), &["expected `=`"]),
    ("ttl = 5", "ttl = 5\nttl = 6", (13, 1), &["duplicate key: `ttl` is there already; remove one of the two"]),
    ("[store]", "[shop]", (8, 2), &["unknown field `shop`", "`store`"]),
    ("keep_newest", "keep", (9, 1), &["unknown field `keep`", "`keep_newest`"]),
    ("max_removal_percent", "max", (7, 1), &["unknown field `max`", "`max_removal_percent`"]),
    ("recheck_ms", "recheck", (5, 1), &["unknown field `recheck`", "`recheck_ms`"]),
    ("ttl = 5", "tll = 5", (12, 1), &["unknown field `tll`", "`ttl`"]),
    ("weight = 10", "wait = 10", (17, 1), &["unknown field `wait`", "`weight`"]),
    ("healthy", "health", (31, 1), &["unknown field `health`", "`healthy`"]),
    ("name = \"b.example\"", "", (22, 1), &["missing field `name`"]),
    ("zone = \"z1\"\ncapacity = 100\n[[health]]", "capacity = 100\n[[health]]", (24, 1), &["missing field `zone`"]),
    ("capacity = 100\n[[health]]", "[[health]]", (24, 1), &["missing field `capacity`"]),
    ("at = 3", "", (28, 1), &["missing field `at`"]),
    ("ttl = 5", "ttl = \"5\"", (12, 7), &["`ttl` is string \"5\"", "use an integer from 0 to 604800"]),
    ("ttl = 5", "ttl = 5.5", (12, 7), &["`ttl` is floating point `5.5`", "use an integer from 0 to 604800"]),
    ("at = 3", "at = 99999999999999999999", (29, 6), &["`at` is 99999999999999999999", "use an integer from 1 to 1000000"]),
    ("healthy = false", "healthy = 0", (31, 11), &["`healthy` is integer `0`", "use a boolean"]),
    ("\"b.example\"", "7", (23, 8), &["`name` is integer `7`", "use a string"]),
    ("\"192.0.2.1\"\nhealthy", "192\nhealthy", (30, 10), &["`target` is integer `192`", "use an IP address"]),
    // Numbers out of bounds.
    ("ms = 1000\n[planner]", "ms = 0\n[planner]", (5, 14), &["`recheck_ms` is 0;", "use an integer from 1 to 600000"]),
    ("ms = 1000\n[planner]", "ms = -1\n[planner]", (5, 14), &["`recheck_ms` is -1", "from 1 to"]),
    ("ms = 1000\n[planner]", "ms = 600001\n[planner]", (5, 14), &["`recheck_ms` is 600001", "from 1 to 600000"]),
    ("backoff_first_ms = 50", "backoff_first_ms = 0", (3, 20), &["`backoff_first_ms` is 0", "from 1 to"]),
    ("backoff_first_ms = 50", "backoff_first_ms = 600001", (3, 20), &["`backoff_first_ms` is 600001", "to 600000"]),
    ("interval_ms = 1000", "interval_ms = 0", (2, 23), &["`planner_interval_ms` is 0", "from 1 to 600000"]),
    ("interval_ms = 1000", "interval_ms = 7_200_000", (2, 23), &["`planner_interval_ms` is 7200000", "to 600000"]),
    ("max_ms = 5000", "max_ms = 7_200_000", (4, 18), &["`backoff_max_ms` is 7200000", "to 600000"]),
    ("max_ms = 5000", "max_ms = 0", (4, 18), &["`backoff_max_ms` is 0", "from 1 to 600000"]),
    ("max_ms = 5000", "max_ms = 49", (4, 18), &["`backoff_max_ms` is 49", "less than `backoff_first_ms`, 50", "use at least 50"]),
    ("percent = 30", "percent = 101", (7, 23), &["`max_removal_percent` is 101", "from 0 to 100"]),
    ("percent = 30", "percent = -1", (7, 23), &["`max_removal_percent` is -1", "from 0 to 100"]),
    ("newest = 3", "newest = 0", (9, 15), &["`keep_newest` is 0", "from 1 to 10000"]),
    ("newest = 3", "newest = 10001", (9, 15), &["`keep_newest` is 10001", "from 1 to 10000"]),
    ("ttl = 5", "ttl = 604801", (12, 7), &["`ttl` is 604801", "from 0 to 604800"]),
    ("ttl = 5", "ttl = -5", (12, 7), &["`ttl` is -5", "from 0 to 604800"]),
    ("capacity = 100\nweight", "capacity = 0\nweight", (16, 12), &["`capacity` is 0", "from 1 to 1000000"]),
    ("capacity = 100\nweight", "capacity = 1000001\nweight", (16, 12), &["`capacity` is 1000001", "from 1 to 1000000"]),
    ("weight = 10", "weight = 256", (17, 10), &["`weight` is 256", "from 0 to 255"]),
    ("weight = 10", "weight = -1", (17, 10), &["`weight` is -1", "from 0 to 255"]),
    ("at = 3", "at = 0", (29, 6), &["`at` is 0", "from 1 to 1000000"]),
    ("at = 3", "at = 1000001", (29, 6), &["`at` is 1000001", "from 1 to 1000000"]),
    ("healthy = false", "capacity = 1000001", (31, 12), &["`capacity` is 1000001", "from 0 to 1000000"]),
    ("healthy = false", "capacity = -1", (31, 12), &["`capacity` is -1", "from 0 to 1000000"]),
    // Names and addresses.
    ("b.example", "b..example", (23, 8), &["`name`: `b..example` is not a DNS name", "a label is empty", "remove the doubled"]),
    ("b.example", "A.Example.", (23, 8), &["endpoint a.example is on line 11 already", "merge the two"]),
    ("\"192.0.2.1\"\nhealthy", "\"192.0.2\"\nhealthy", (30, 10), &["`target` is \"192.0.2\"", "use an IP address such as \"192.0.2.1\" or \"2001:db8::1\""]),
    ("2001:db8::1", "db.example", (19, 11), &["`address` is \"db.example\"", "use an IP address such as"]),
    ("2001:db8::1", "192.0.2.1", (19, 11), &["endpoint a.example: target 192.0.2.1 is there twice", "merge"]),
    ("2001:db8::1", "ff02::1", (19, 11), &["endpoint a.example: ff02::1", "multicast", "give a unicast one"]),
    ("2001:db8::1", "0.0.0.0", (19, 11), &["unspecified"]),
    ("2001:db8::1", "255.255.255.255", (19, 11), &["broadcast"]),
    ("2001:db8::1", "240.0.0.1", (19, 11), &["240.0.0.1 is reserved (240.0.0.0/4)", "use the address of a load balancer"]),
    ("2001:db8::1", "0.0.0.1", (19, 11), &["0.0.0.1 is on \"this network\""]),
    ("2001:db8::1", "169.254.1.1", (19, 11), &["169.254.1.1 is link-local"]),
    ("2001:db8::1", "fe80::1", (19, 11), &["fe80::1 is link-local"]),
    ("2001:db8::1", "::ffff:192.0.2.1", (19, 11), &["an IPv4 address in IPv6"]),
    ("ttl = 5", "fail = \"open\"", (12, 8), &["`fail` is \"open\"; use \"all\", \"last\" or \"drained\""]),
    ("ttl = 5", "min_healthy_percent = 101", (12, 23), &["`min_healthy_percent` is 101", "from 0 to 100"]),
    ("ttl = 5", "fail = \"last\"\nmin_healthy_percent = 1", (13, 23), &["`min_healthy_percent` is 1 beside `fail = \"last\"`", "leave one of the two out"]),
    ("weight = 10", "tier = 256", (17, 8), &["`tier` is 256", "from 0 to 255"]),
    ("weight = 10", "weight = 0", (11, 8), &["endpoint a.example: all A weights are 0", "give at least one of them a weight of 1"]),
    ("zone = \"z1\"\ncapacity = 100\nweight", "zone = \"\"\ncapacity = 100\nweight", (15, 8), &["`zone` is \"\";", "use a name of 1 to 64 printable characters"]),
    ("zone = \"z1\"\ncapacity = 100\nweight", "zone = \"\\t\"\ncapacity = 100\nweight", (15, 8), &["`zone` is \"\\t\";", "1 to 64 printable characters"]),
    // Things that do not go together.
    ("[[endpoint.target]]\naddress = \"192.0.2.1\"\nzone = \"z1\"\ncapacity = 100\n[[health]]", "[[health]]", (23, 8), &["endpoint b.example: there are no targets", "give at least one"]),
    ("\"192.0.2.1\"\nhealthy", "\"192.0.2.9\"\nhealthy", (30, 10), &["`target` 192.0.2.9 is at no endpoint", "use the address of a target"]),
    ("healthy = false", "", (28, 1), &["changes nothing", "add `healthy` or `capacity`"]),
];

/// What stands before a valid endpoint, and how the error begins.
#[rustfmt::skip] // One case, one line.
pub(crate) const BEFORE: &[(&str, &str)] = &[
    ("[health_check]\ninterval_ms = 99", "2:15: `interval_ms` is 99; use an integer from 100 to 600000"),
    ("[health_check]\ntimeout_ms = 9", "2:14: `timeout_ms` is 9; use an integer from 10 to 600000"),
    ("[health_check]\njitter_percent = 51", "2:18: `jitter_percent` is 51; use an integer from 0 to 50"),
    ("[health_check]\nrise = 0", "2:8: `rise` is 0; use an integer from 1 to 100"),
    ("[health_check]\nfall = 101", "2:8: `fall` is 101; use an integer from 1 to 100"),
    ("[health_check]\nmax_fall_percent = 10", "2:1: unknown field `max_fall_percent`"),
    ("[health_check]\nport = 65536", "2:8: `port` is 65536; use an integer from 1 to 65535"),
    ("[health_check]\ninterval_ms = 600001", "2:15: `interval_ms` is 600001"),
    ("[health_check]\ntimeout_ms = 600001", "2:14: `timeout_ms` is 600001"),
    ("[health_check]\ninterval_ms = 100\ntimeout_ms = 60000", "3:14: `timeout_ms` is 60000, more than `interval_ms`, 100; use at most 100"),
    ("[health_check]\ntimeout_ms = 1001", "2:14: `timeout_ms` is 1001, more than `interval_ms`, 1000; use at most 1000"),
    ("[planner]\nsuspect_percent = 0", "2:19: `suspect_percent` is 0; use an integer from 1 to 100"),
    ("[planner]\nsuspect_percent = 101", "2:19: `suspect_percent` is 101"),
    ("[planner]\nsuspect_for_ms = 600001", "2:18: `suspect_for_ms` is 600001; use an integer from 0 to 600000"),
    ("[planner]\ndrained_zones = [\"y\"]", "2:18: no target is in zone \"y\"; use the `zone` of a target"),
    ("[planner]\ndrained_zones = \"z\"", "2:17: `drained_zones` is string \"z\""),
    ("[[dns_zone]]\napex = \"b.example\"\nname_server = [{ name = \"n.b.example\" }]", "3:25: name server n.b.example lies inside zone b.example; add `addresses`"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.b.example\", addresses = [\"192.0.2.53\"] }]\n[[dns_zone]]\napex = \"b.example\"\nname_server = [{ name = \"n.test\" }]", "3:25: name server n.b.example of zone example lies in zone b.example; add it there too, with the same `addresses`"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.b.example\", addresses = [\"192.0.2.53\"] }]\n[[dns_zone]]\napex = \"b.example\"\nname_server = [{ name = \"n.b.example\", addresses = [\"192.0.2.54\"] }]", "3:25: name server n.b.example of zone example lies in zone b.example; add it there too, with the same `addresses`"),
    // The zone that the server lies in could not be read.
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.b.a.example\", addresses = [\"192.0.2.53\"] }]\n[[dns_zone]]\napex = \"a.example\"\nname_server = [{ name = \"n.test\" }]\n[[dns_zone]]\napex = 1\nname_server = [{ name = \"n.test\" }]", "8:8: `apex` is "),
    ("[[dns_zone]]\napex = \"b.example\"\nname_server = [{ name = \"n.test\", addresses = [\"192.0.2.53\"] }]", "3:25: name server n.test lies outside zone b.example; leave its `addresses` out"),
    ("[[dns_zone]]\napex = \"b.example\"\nname_server = [{ name = \"n.test\" }, { name = \"N.test\" }]", "3:46: zone b.example has name server n.test twice"),
    ("[[dns_zone]]\napex = \"a.example\"\nname_server = [{ name = \"n.test\" }]", "5:8: endpoint b.example lies in no zone of the file; add a [[dns_zone]] for it"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"B.example\", addresses = [\"192.0.2.53\"] }]", "5:8: endpoint b.example is a name server with `addresses` too; use another name for one of them"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.test\" }]\nsecondary = [{ address = \"0.0.0.0\" }]", "4:26: 0.0.0.0 is no machine's address; use the secondary's own"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.test\" }]\nsecondary = [{ address = \"192.0.2.1\" }, { address = \"192.0.2.1\", port = 5 }]", "4:53: zone example has secondary 192.0.2.1 twice; remove one of the two"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.test\" }]\nsecondary = [{ address = \"192.0.2.1\", port = 0 }]", "4:46: `port` is 0; use an integer from 1 to 65535"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.test\" }]\nsecondary = [{ address = \"192.0.2.1\", tsig_key = \"-\" }]", "4:50: `tsig_key`: `-` is not a DNS name"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.test\" }]\nsecondary = [{ address = \"192.0.2.1\", notify = 1 }]", "4:48: `notify` is integer `1`; use a boolean"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.test\" }]\nsecondary = [{ port = 53 }]", "4:14: missing field `address`"),
    ("[[dns_zone]]\napex = \"*.example\"\nname_server = [{ name = \"n.test\" }]", "2:8: `apex`: `*.example` is a wildcard; only an endpoint may be one"),
    ("[[dns_zone]]\napex = \"example\"\nname_server = [{ name = \"n.test\" }]\nrecords = \"\"", "4:11: `records` is \"\"; use the path of a zone file"),
    ("[[endpoint]]\nname = \"*.b.example\"\nhealth_check = { kind = \"tls\" }\ntarget = [{ address = \"192.0.2.77\", zone = \"z\", capacity = 1 }]", "2:8: endpoint *.b.example is a wildcard, whose checks need a name"),
    ("[health_check]\njitter_percent = -1", "2:18: `jitter_percent` is -1"),
    ("[health_check]\nrise = 101", "2:8: `rise` is 101"),
    ("[health_check]\nfall = 0", "2:8: `fall` is 0"),
    ("[health_check]\nport = 0", "2:8: `port` is 0"),
    ("[health_check]\nkind = \"ping\"", "2:8: `kind` is \"ping\"; use \"tcp\", \"tls\", \"http\", \"https\", \"grpc\", \"grpcs\" or \"command\""),
    ("[health_check]\npath = \"/\"", "2:8: `path` is not for a check of kind \"tcp\"; leave it out, or set `kind` to \"http\" or \"https\""),
    ("[health_check]\nkind = \"http\"\ntrust = \"any\"\nport = 80", "3:9: `trust` is not for a check of kind \"http\"; leave it out, or set `kind` to \"tls\" or \"https\" or \"grpcs\""),
    ("[health_check]\nkind = \"http\"\npath = \"/\"", "2:8: a check of kind \"http\" would speak plain text to port 443; add `port`, such as 8080"),
    ("[health_check]\nkind = \"grpc\"", "2:8: a check of kind \"grpc\" would speak plain text to port 443; add `port`"),
    ("[health_check]\nkind = \"tls\"\nservice = \"\"", "3:11: `service` is not for a check of kind \"tls\""),
    ("[health_check]\nhost = \"a.example\"", "2:8: `host` is not for a check of kind \"tcp\""),
    ("[health_check]\ncommand = [\"/bin/true\"]", "2:11: `command` is not for a check of kind \"tcp\"; leave it out, or set `kind` to \"command\""),
    ("[health_check]\nkind = \"http\"\npath = \"health\"\nport = 80", "3:8: `path` is \"health\"; use a path such as \"/health\""),
    ("[health_check]\nkind = \"http\"\npath = \"/a b\"\nport = 80", "3:8: `path` is \"/a b\"; use a path"),
    ("[health_check]\nkind = \"http\"\nmethod = \"get\"\nport = 80", "3:10: `method` is \"get\"; use \"GET\", \"HEAD\", \"POST\" or \"OPTIONS\""),
    ("[health_check]\nkind = \"http\"\nstatus = \"200-\"\nport = 80", "3:10: `status` is \"200-\"; use codes and ranges from 100 to 599"),
    ("[health_check]\nkind = \"http\"\nstatus = \"299-200\"\nport = 80", "3:10: `status` is \"299-200\""),
    ("[health_check]\nkind = \"http\"\nstatus = \"600\"\nport = 80", "3:10: `status` is \"600\""),
    ("[health_check]\nkind = \"http\"\nstatus = 200\nport = 80", "3:10: `status` is integer `200`; use codes and ranges"),
    ("[health_check]\nkind = \"http\"\nbody = \"\"\nport = 80", "3:8: `body` is \"\"; use a text of 1 to 200 bytes"),
    ("[health_check]\nkind = \"http\"\nmethod = \"HEAD\"\nbody = \"ok\"\nport = 80", "4:8: an answer to HEAD has no body to look for `body` in; use `method = \"GET\"`"),
    ("[health_check]\nkind = \"https\"\ntrust = \"ca.pem\"", "3:9: `trust` is \"ca.pem\"; use \"system\", \"any\", or the absolute path of a PEM file"),
    ("[health_check]\nkind = \"https\"\nhost = \"192.0.2.1:80\"", "3:8: `host`: `192.0.2.1:80` is not a DNS name"),
    ("[health_check]\nkind = \"command\"", "2:8: `kind` is \"command\", and there is no `command`; add one such as"),
    ("[health_check]\nkind = \"command\"\ncommand = []", "3:11: `command` does not begin with the absolute path of a program"),
    ("[health_check]\nkind = \"command\"\ncommand = [\"check\"]", "3:11: `command` does not begin with the absolute path of a program"),
    ("[health_check]\nkind = \"command\"\ncommand = [7]", "3:12: `command` is integer `7`; use texts"),
    ("[health_check]\ndamp_after = 101", "2:14: `damp_after` is 101; use an integer from 0 to 100"),
    ("[health_check]\ndamp_half_life_ms = 5000", "2:21: `damp_half_life_ms` without `damp_after`; add `damp_after`"),
    ("[health_check]\ndamp_after = 3\ndamp_half_life_ms = 999", "3:21: `damp_half_life_ms` is 999; use an integer from 1000 to 3600000"),
    ("[health_check]\nprot = 1", "2:1: unknown field `prot`"),
    ("[[dns_zone]]\napex = \"-x\"\nname_server = [{ name = \"n.test\" }]", "2:8: `apex`: `-x` is not a DNS name"),
    ("[[dns_zone]]\napex = \"b.example\"", "2:8: zone b.example has no name server"),
    ("[[dns_zone]]\napex = \"b.example\"\nttl = 604801\nname_server = [{ name = \"n.test\" }]", "3:7: `ttl` is 604801; use an integer from 0 to 604800"),
    ("[[dns_zone]]\napex = \"b.example\"\nnegative_ttl = -1\nname_server = [{ name = \"n.test\" }]", "3:16: `negative_ttl` is -1; use an integer from 0 to 604800"),
    ("[[dns_zone]]\napex = \"b.example\"\nname_server = [{ name = \"..\" }]", "3:25: `name`: `..` is not a DNS name"),
    ("[[dns_zone]]\napex = \"b.example\"\nname_server = [{ name = \"n.b.example\", addresses = [\"1.2\"] }]", "3:53: `addresses` is \"1.2\"; use an IP address such as"),
    ("[[dns_zone]]\napex = \"b.example\"\nname_server = [{ name = \"n.test\" }]\n[[dns_zone]]\napex = \"B.example.\"\nname_server = [{ name = \"n.test\" }]", "5:8: zone b.example is there already"),
];

/// The same fleet, laid out in several ways. The zone's name looks like the end of a list.
pub(crate) const LAYOUTS: [&str; 5] = [
    r#"
[[endpoint]]
name = "a.example"
[[endpoint.target]]
address = "192.0.2.1"
zone = "z]"
capacity = 1
[[endpoint]]
name = "b.example"
[endpoint.health_check]
port = 1
[[endpoint.target]]
address = "192.0.2.2"
zone = "z]"
capacity = 1
[store]
"#,
    r#"
endpoint = [
    { name = "a.example", target = [{ address = "192.0.2.1", zone = "z]", capacity = 1 }] },
    { name = "b.example", health_check.port = 1, target = [{ address = "192.0.2.2", zone = "z]", capacity = 1 }] },
]
"#,
    // The last part of an endpoint comes after another table.
    r#"
[[endpoint]]
name = "a.example"
target = [{ address = "192.0.2.1", zone = "z]", capacity = 1 }]
[[endpoint]]
name = "b.example"
health_check.port = 1
[store]
[[endpoint.target]]
address = "192.0.2.2"
zone = "z]"
capacity = 1
"#,
    // Other spellings of the name.
    r#"
[["endpoint"]]
name = "a.example"
target = [{ address = "192.0.2.1", zone = "z]", capacity = 1 }]
[[ 'endpoint' ]]
name = "b.example"
health_check.port = 1
target = [{ address = "192.0.2.2", zone = "z]", capacity = 1 }]
"#,
    // Lines that look like headers, in strings, lists and comments.
    r#"
[[ endpoint ]] # [[endpoint]]
name = "a.example"
target = [{ address = "192.0.2.1", zone = "z]", capacity = 1 },
# [[endpoint]]
]
[[endpoint]]
name = """\
b.example"""
health_check = { port = 1 }
[[endpoint.target]]
address = """\

192.0.2.2"""
zone = "z]"
capacity = 1
"#,
];

/// What follows each text of [`BEFORE`].
pub(crate) const AN_ENDPOINT: &str = r#"
[[endpoint]]
name = "b.example"
target = [{ address = "192.0.2.1", zone = "z", capacity = 1 }]
"#;

/// [`GOOD`], with the last occurrence of `from` replaced.
pub(crate) fn spoiled(from: &str, to: &str) -> String {
    let (before, after) = GOOD.split_at(GOOD.rfind(from).unwrap_or_default());
    let after = after.strip_prefix(from).unwrap_or_default();
    format!("{before}{to}{after}")
}
