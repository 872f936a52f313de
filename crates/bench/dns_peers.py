#!/usr/bin/env python3
"""Compares the DNS server with NSD, Knot DNS and BIND on the same zone.

Each server gets one thread on a core of its own and answers dnsperf, on another
core, over loopback: 100 names, 16 A records each, EDNS. The servers take turns,
several rounds in one run. The measure is the processor time that a server takes
for a query, from /proc; queries per second depend on the client as much.

    python3 crates/bench/dns_peers.py --install

Needs Linux, two cores, and the packages nsd, knot, bind9 and dnsperf, which
--install installs (Debian, as root).
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ["nsd", "knot", "bind9", "dnsperf"]
ZONE = "bench.test"
NAMES, TARGETS = 100, 16
SERVER_CORE, CLIENT_CORE = "1", "0"
TICK = os.sysconf("SC_CLK_TCK")
# How often a round is tried before the script gives up on a server.
ATTEMPTS = 3


# All names have the same targets, so that our server's health checks cost almost nothing.
# It
# answers only after a first round of checks. No program listens at these addresses, so all
# targets look unhealthy, and the server keeps them all.
ADDRESSES = [f"127.1.0.{target}" for target in range(1, TARGETS + 1)]


def zone_file():
    lines = [f"{ZONE}. 3600 SOA ns1.{ZONE}. hostmaster.{ZONE}. 1 3600 600 604800 5",
             f"{ZONE}. 3600 NS ns1.{ZONE}.", f"ns1.{ZONE}. 3600 A 127.0.0.1"]
    lines += [f"e{name}.{ZONE}. 60 A {address}"
              for name in range(NAMES) for address in ADDRESSES]
    return "\n".join(lines) + "\n"


def fleet_file():
    lines = ["[[dns_zone]]", f'apex = "{ZONE}"',
             f'name_server = [{{ name = "ns1.{ZONE}", addresses = ["127.0.0.1"] }}]']
    for name in range(NAMES):
        lines += ["[[endpoint]]", f'name = "e{name}.{ZONE}"', "ttl = 60", "target = ["]
        lines += [f'  {{ address = "{address}", zone = "z", capacity = 1 }},'
                  for address in ADDRESSES]
        lines += ["]"]
    return "\n".join(lines) + "\n"


def servers(folder, wanted, ours):
    """The command and the port of each server."""
    ports = {name: free_port() for name in wanted}
    files = {
        "zone": zone_file(),
        "fleet.toml": fleet_file(),
        "nsd.conf": f"""
server:
    ip-address: 127.0.0.1@{ports.get("nsd")}
    server-count: 1
    username: ""
    database: ""
    zonesdir: "{folder}"
    pidfile: "{folder}/nsd.pid"
    zonelistfile: "{folder}/nsd.list"
    xfrdfile: "{folder}/nsd.xfrd"
    xfrdir: "{folder}"
    rrl-ratelimit: 0
    minimal-responses: yes
    round-robin: yes
remote-control:
    control-enable: no
zone:
    name: {ZONE}
    zonefile: zone
""",
        "knot.conf": f"""
server:
    rundir: "{folder}/knot"
    listen: 127.0.0.1@{ports.get("knot")}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    answer-rotation: on
database:
    storage: "{folder}/knot"
template:
  - id: default
    storage: "{folder}"
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: {ZONE}
    file: zone
""",
        "named.conf": f"""
options {{
    directory "{folder}";
    listen-on port {ports.get("bind")} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    minimal-responses yes;
    pid-file "{folder}/named.pid";
    session-keyfile "{folder}/session.key";
}};
controls {{ }};
zone "{ZONE}" {{ type primary; file "zone"; }};
""",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "knot").mkdir()
    commands = {
        "ours": [ours, "serve", "--fleet", folder / "fleet.toml", "--store", "memory", "--threads", "1", "--max-targets", "16",
                 "--listen", f"127.0.0.1:{ports.get('ours')}"],
        "nsd": ["nsd", "-d", "-c", folder / "nsd.conf"],
        "knot": ["knotd", "-c", folder / "knot.conf"],
        "bind": ["named", "-f", "-n", "1", "-c", folder / "named.conf"],
    }
    # Only the chosen servers need to be installed.
    found = {name: [program(commands[name][0]), *commands[name][1:]] for name in wanted}
    return {name: (found[name], ports[name]) for name in wanted}


def built(profile):
    """The path of our server, as cargo built it."""
    return target_folder() / {"dev": "debug"}.get(profile, profile) / "enact"


def target_folder():
    command = ["cargo", "metadata", "--format-version=1", "--no-deps", "--offline"]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return pathlib.Path(json.loads(text)["target_directory"])


def program(name):
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    return path or sys.exit(f"{name} is not installed; run with --install")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def family(root):
    """A process and all processes that it has started."""
    found, todo = [], [root]
    while todo:
        process = todo.pop()
        found.append(process)
        try:
            children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text()
        except FileNotFoundError:
            continue
        todo += [int(child) for child in children.split()]
    return found


def processor_time(root):
    """Seconds in user and in kernel mode, of a process and all that it has started."""
    user = system = 0
    for process in family(root):
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
        user, system = user + int(fields[11]), system + int(fields[12])
    return user / TICK, system / TICK


def wait_for(port, process):
    name = b"".join(bytes([len(part)]) + part.encode() for part in f"e0.{ZONE}".split("."))
    query = b"\0\1\0\0\0\1\0\0\0\0\0\0" + name + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        client.connect(("127.0.0.1", port))
        for _ in range(300):
            try:
                client.send(query)
                if client.recv(2048)[7] == TARGETS:
                    return
            except OSError:
                pass
            if process.poll() is not None:
                sys.exit(f"{process.args[0]} has ended with status {process.returncode}")
            time.sleep(0.1)
    sys.exit(f"{process.args[0]} does not answer with {TARGETS} records")


def dnsperf(folder, port, *more):
    command = ["taskset", "-c", CLIENT_CORE, program("dnsperf"), "-s", "127.0.0.1", "-p", str(port),
               "-d", str(folder / "queries"), "-e", "-T", "1", *more]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def figure(text, label):
    return float(re.search(label + r":\s+([\d.]+)", text)[1])


def measure(folder, command, port, seconds):
    """One round of one server. If the machine stalls for a while, dnsperf may count no query.
    Such a round is repeated."""
    for _ in range(ATTEMPTS):
        figures = attempt(folder, command, port, seconds)
        if figures:
            return figures
        print("no query was answered; trying again", file=sys.stderr)
    sys.exit(f"{command[0]}: dnsperf counted no answer in {ATTEMPTS} attempts; "
             "try again when the machine is less busy, or with a longer --seconds")


def attempt(folder, command, port, seconds):
    pinned = ["taskset", "-c", SERVER_CORE, *map(str, command)]
    log = open(folder / "log", "a")
    with subprocess.Popen(pinned, stdout=log, stderr=log) as process:
        try:
            wait_for(port, process)
            dnsperf(folder, port, "-c", "4", "-q", "100", "-l", "1")  # warm
            before = processor_time(process.pid)
            text = dnsperf(folder, port, "-c", "4", "-q", "100", "-l", str(seconds))
            after = processor_time(process.pid)
            # At a low rate, so that no query waits for another.
            calm = dnsperf(folder, port, "-v", "-c", "1", "-q", "10", "-Q", "5000", "-l", "2")
        finally:
            process.send_signal(signal.SIGTERM)
    queries = figure(text, "Queries completed")
    if not queries:
        return None
    micros = [1e6 * (end - begin) / queries for begin, end in zip(before, after)]
    latencies = sorted(1e6 * float(line.split()[4]) for line in calm.splitlines()
                       if line.startswith("> NOERROR"))
    if not latencies:
        return None
    return {
        "user": micros[0], "system": micros[1], "both": sum(micros),
        "qps": figure(text, "Queries per second"),
        "lost": figure(text, "Queries lost"),
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }


def table(results):
    median = {name: {key: statistics.median(round_[key] for round_ in rounds)
                     for key in rounds[0]} for name, rounds in results.items()}
    heads = ["server", "µs/query", "user", "system", "/ NSD", "/ Knot", "queries/s",
             "p50 µs", "p99 µs", "lost"]
    rows = [heads]
    for name, it in median.items():
        # In a short round the processor time can be too small for /proc, which then shows
        # 0.
        ratios = [f"{it['both'] / median[peer]['both']:.2f}"
                  if peer in median and median[peer]["both"] else "-"
                  for peer in ("nsd", "knot")]
        rows.append([name, f"{it['both']:.2f}", f"{it['user']:.2f}", f"{it['system']:.2f}",
                     *ratios, f"{it['qps']:.0f}", f"{it['p50']:.0f}", f"{it['p99']:.0f}",
                     f"{it['lost']:.0f}"])
    widths = [max(len(row[at]) for row in rows) for at in range(len(heads))]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--install", action="store_true", help="install the peers")
    arguments.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    arguments.add_argument("--seconds", type=int, default=5, help="of load in each (5)")
    arguments.add_argument("--servers", default="ours,nsd,knot,bind", help="which, by commas")
    arguments.add_argument("--profile", default="release",
                           help="of cargo, for our server (release); a trial run may use dev")
    given = arguments.parse_args()
    if given.install:
        subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *PACKAGES],
                       check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cargo", "build", "--quiet", "--profile", given.profile, "-p", "enact"],
                   cwd=ROOT, check=True)
    results = {name: [] for name in given.servers.split(",")}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "queries").write_text("".join(f"e{n}.{ZONE} A\n" for n in range(NAMES)))
        all_servers = servers(folder, results, built(given.profile))
        for round_ in range(given.rounds):
            for name, (command, port) in all_servers.items():
                print(f"round {round_ + 1} of {given.rounds}: {name}", file=sys.stderr)
                results[name].append(measure(folder, command, port, given.seconds))
    print(f"Medians of {given.rounds} rounds; processor time by /proc, one server thread:")
    table(results)


main()
