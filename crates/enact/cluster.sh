#!/usr/bin/env bash
# Three etcd members on loopback, and the control plane on them as processes of its own:
# a Planner, three Enactors, a DNS front. Runs until it is told to end, and then ends
# them all. `examples/serve/cluster.sh etcd` starts the members alone.
#
# Needs etcd (`apt-get install etcd-server`), and serve, built before that:
#   cargo build --release --features etcd --example serve
#
# Everything is kept in target/cluster: NAME.log, and NAME.pid to send signals to, for
# m1 to m3, planner, az1 to az3 and front.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=target/cluster
rm -rf "$dir"
mkdir -p "$dir"
names=()
pids=()

# Starts a process: its name, then its command.
start() {
    local name=$1
    shift
    "$@" >"$dir/$name.log" 2>&1 &
    echo $! >"$dir/$name.pid"
    names+=("$name")
    pids+=($!)
}

# The servers last: the front first.
stop() {
    trap - EXIT INT TERM
    for ((at = ${#pids[@]} - 1; at >= 0; at--)); do
        # It may have been ended already.
        kill "${pids[at]}" 2>/dev/null || true
        wait "${pids[at]}" 2>/dev/null || true
    done
    echo "stopped"
}
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
        --initial-cluster "$members" --initial-cluster-state new \
        --auto-compaction-mode revision --auto-compaction-retention 10000
done

if [ "${1-}" != etcd ]; then
    serve=(target/release/examples/serve
        --store "etcd://127.0.0.1:12379,127.0.0.1:22379,127.0.0.1:32379/demo")
    start planner "${serve[@]}" --role planner --demo-targets --metrics 127.0.0.1:9160
    for at in 1 2 3; do
        start "az$at" "${serve[@]}" --role enactor --name "az$at" --metrics "127.0.0.1:916$at"
    done
    start front "${serve[@]}" --role front --cache "$dir/front.view" \
        --listen 127.0.0.1:5300 --metrics 127.0.0.1:9153
fi
echo "started: ${names[*]}"
# Until a signal comes, or all have ended; one that is killed ends nothing else.
wait
