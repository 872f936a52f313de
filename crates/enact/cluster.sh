#!/usr/bin/env bash
# Starts three etcd members on loopback, and the control plane on them as one process per
# part: a Planner, three Enactors and a DNS server. Runs until it gets SIGINT or SIGTERM,
# and then ends all of them. `crates/enact/cluster.sh etcd` starts the members alone.
#
# Needs etcd (`apt-get install etcd-server`), and `enact`, built before:
#   cargo build --release -p enact --features etcd
# With PROFILE=debug it runs the debug build.
#
# The folder `cluster` in the target folder has for each process NAME.log and NAME.pid, to
# send signals to. The names are m1 to m3, planner, az1 to az3 and front.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
enact=$target/${PROFILE:-release}/enact
dir=$target/cluster
names=()
pids=()

# Starts a process: its name, then its command.
start() {
    local name=$1
    shift
    "$@" >"$dir/$name.log" 2>&1 &
    names+=("$name")
    pids+=($!)
    echo $! >"$dir/$name.pid"
}

# Ends the processes in reverse order, so that no process loses its etcd first. A process
# that does not end within ten seconds is killed.
stop() {
    trap - EXIT INT TERM
    local at tries
    for ((at = ${#pids[@]} - 1; at >= 0; at--)); do
        # A test may have ended it, or stopped it with SIGSTOP.
        kill "${pids[at]}" 2>/dev/null || true
        kill -CONT "${pids[at]}" 2>/dev/null || true
        for ((tries = 100; tries > 0; tries--)); do
            kill -0 "${pids[at]}" 2>/dev/null || break
            sleep 0.1
        done
        if ((tries == 0)); then
            echo "${names[at]} did not end within 10 s after SIGTERM; it is killed"
            kill -KILL "${pids[at]}" 2>/dev/null || true
        fi
        wait "${pids[at]}" 2>/dev/null || true
    done
    echo "stopped"
}

if [ "${1-}" != etcd ] && ! [ -x "$enact" ]; then
    echo "there is no $enact; run: cargo build --release -p enact --features etcd"
    exit 2
fi
rm -rf "$dir"
mkdir -p "$dir"
trap stop EXIT
trap 'exit 0' INT TERM

members="m1=http://127.0.0.1:12380,m2=http://127.0.0.1:22380,m3=http://127.0.0.1:32380"
for member in m1:12379:12380 m2:22379:22380 m3:32379:32380; do
    IFS=: read -r name client peer <<<"$member"
    start "$name" etcd --name "$name" --data-dir "$dir/$name" --log-level warn --logger zap \
        --listen-client-urls "http://127.0.0.1:$client" \
        --advertise-client-urls "http://127.0.0.1:$client" \
        --listen-peer-urls "http://127.0.0.1:$peer" \
        --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
        --initial-cluster "$members" --initial-cluster-state new
done

if [ "${1-}" != etcd ]; then
    serve=("$enact" serve --demo
        --store "etcd://127.0.0.1:12379,127.0.0.1:22379,127.0.0.1:32379/demo")
    start planner "${serve[@]}" --role planner --metrics 127.0.0.1:9160
    for at in 1 2 3; do
        start "az$at" "${serve[@]}" --role enactor --name "az$at" --metrics "127.0.0.1:916$at"
    done
    start front "${serve[@]}" --role front --cache "$dir/front.view" \
        --listen 127.0.0.1:5300 --metrics 127.0.0.1:9153
fi
echo "started: ${names[*]}"
# Until a signal comes, or all have ended. A process that is killed ends no other.
wait
