//! Which parameters there are.

/// One parameter: its name, its unit, and what values it may have.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// What it is, in English and in Japanese.
    pub(crate) about: &'static str,
    pub(crate) about_ja: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) get: fn(&Values) -> f64,
    pub(crate) slot: fn(&mut Values) -> &mut f64,
}

impl Spec {
    /// What is wrong with this value, if anything.
    pub(crate) fn check(&self, value: f64) -> Result<(), String> {
        // Also refuses what is not a number.
        if (self.least..=self.most).contains(&value) {
            return Ok(());
        }
        let (least, most, unit) = (self.least, self.most, self.unit);
        Err(format!(
            "{value} is out of bounds; give {least} to {most} {unit}"
        ))
    }
}

/// The parameter of this name.
pub(crate) fn spec(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
}

/// Declares the sections and their parameters; the bounds keep each run bounded
/// in time and memory, whatever the values.
macro_rules! parameters {
    ($(
        $(#[$about:meta])*
        $section:ident: $Section:ident {
            $( $(#[doc = $about_en:literal])* $key:ident:
                $unit:literal $least:literal $most:literal $about_ja:literal, )*
        }
    )*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, PartialEq, Default, Debug)]
            pub(crate) struct $Section { $( $(#[doc = $about_en])* pub(crate) $key: f64, )* }
        )*

        /// All parameters.
        #[derive(Clone, Copy, PartialEq, Default, Debug)]
        pub(crate) struct Values { $( $(#[$about])* pub(crate) $section: $Section, )* }

        /// All parameters, in the order of the file.
        pub(crate) static SPECS: &[Spec] = &[ $( $( Spec {
            name: concat!(stringify!($section), ".", stringify!($key)),
            about: concat!($($about_en),*),
            about_ja: $about_ja,
            unit: $unit,
            least: $least,
            most: $most,
            get: |values| values.$section.$key,
            slot: |values| &mut values.$section.$key,
        }, )* )* ];
    };
}

parameters! {
    /// The name, and who resolves it.
    dns: Dns {
        /// How long addresses are kept.
        positive_ttl: "s" 1.0 86_400.0 "アドレスを保持する時間",
        /// How long it is kept that there are none.
        negative_ttl: "s" 30.0 86_400.0 "「レコードなし」を保持する時間",
        /// By how much some resolvers keep that shorter.
        negative_spread: "ratio" 0.0 0.5 "その保持を短く切り上げる幅",
        /// Resolvers, each with a cache of its own.
        resolvers: "resolvers" 1.0 1000.0 "リゾルバーの数（それぞれが独立のキャッシュ）",
    }
    /// What customers ask for.
    demand: Demand {
        /// All demand, against what is usual.
        scale: "ratio" 0.0 20.0 "全需要の、通常に対する比",
        /// How far the day's peak of demand is above its mean, and its low below.
        swing: "ratio" 0.0 0.9 "1 日の需要の山と谷の、平均からの幅",
        /// When demand is highest.
        peak_hour: "h UTC" 0.0 24.0 "需要が最大になる時刻",
        /// How far demand on a day is off, from seed to seed.
        day_noise: "ratio" 0.0 0.5 "日ごとの需要のずれ（シードによる）",
        /// How far demand in half a minute is off.
        noise: "ratio" 0.0 0.5 "30 秒ごとの需要のずれ",
    }
    /// EC2's DWFM.
    droplets: Droplets {
        /// Droplets.
        count: "droplets" 1.0 2000.0 "ドロップレットの数",
        /// Hosts of DWFM.
        hosts: "hosts" 1.0 500.0 "DWFM のホストの数",
        /// From one renewal of a lease to the next.
        renewal_interval: "s" 60.0 86_400.0 "リース更新の間隔",
        /// How long a lease holds.
        lease_term: "s" 60.0 172_800.0 "リースの有効期間",
        /// After which a lease request is given up, and made again.
        time_out: "s" 30.0 3600.0 "更新をあきらめて再要求するまでの時間",
        /// Work of a DWFM host on a lease request.
        work: "s" 0.01 600.0 "更新 1 件に対するホストの作業時間",
        /// Until a lease request that failed at once is made again, on the mean.
        retry: "s" 30.0 3600.0 "失敗した更新を再要求するまでの平均時間",
        /// Lease requests that the throttle lets in, against what a host can do.
        throttle: "ratio" 0.01 2.0 "絞ったときに受け入れる更新（ホストの処理能力に対する比）",
        /// From the restart of one host to the next.
        restart_time: "s" 10.0 7200.0 "次のホストを再起動するまでの間隔",
    }
    /// Launches of instances.
    launches: Launches {
        /// Launches that customers want, on the mean.
        demand: "launches/min" 0.0 100_000.0 "顧客が求める起動の平均",
        /// Launches that all droplets have room for, against the mean.
        placement: "ratio" 0.0 100.0 "全ドロップレットの収容力（平均需要に対する比）",
        /// The share of failed launches that is asked for until it succeeds.
        persistence: "ratio" 0.0 1.0 "失敗した起動のうち、成功するまで再要求される割合",
        /// Until a failed launch is asked for again.
        retry: "min" 0.5 1440.0 "起動を再要求するまでの時間",
        /// The share of leases from which on launches are let in again.
        readmit: "ratio" 0.0 1.0 "起動の受け入れを再開するリースの割合",
        /// Launches let in while DWFM is throttled.
        throttle: "launches/min" 0.0 1_000_000.0 "DWFM を絞っている間に受け入れる起動",
        /// Launches let in while load is shed.
        shed: "launches/min" 0.0 1_000_000.0 "負荷を落としている間に受け入れる起動",
        /// By how much the launch throttle is relaxed at a time.
        relax_factor: "ratio" 1.0 100.0 "起動の制限を 1 回に緩める倍率",
        /// From one such time to the next.
        relax_interval: "min" 1.0 1440.0 "起動の制限を緩める間隔",
    }
    /// EC2's Network Manager.
    network: Network {
        /// Partitions, each with a queue of its own.
        partitions: "partitions" 1.0 500.0 "パーティションの数（それぞれが独立のキュー）",
        /// How far a partition's load is off the mean.
        unevenness: "ratio" 0.0 0.9 "パーティションの負荷の、平均からのずれ",
        /// Network changes that can be spread.
        capacity: "changes/min" 1.0 1_000_000.0 "反映できるネットワーク変更の量",
        /// Network changes that a launch makes.
        changes_per_launch: "changes" 0.0 100.0 "起動 1 件あたりのネットワーク変更",
        /// Network changes that all else makes, on the mean.
        other_changes: "changes/min" 0.0 1_000_000.0 "起動以外によるネットワーク変更の平均",
        /// What a network change takes with empty queues.
        least_delay: "min" 0.0 60.0 "キューが空のときの反映時間",
        /// From which delay on a network change is late.
        late: "min" 0.5 600.0 "反映が「遅い」とみなされる遅延",
    }
    /// Network Load Balancer.
    balancers: Balancers {
        /// Load balancers, each with a node in three zones.
        count: "load balancers" 1.0 5000.0 "ロードバランサーの数（3 ゾーンに 1 ノードずつ）",
        /// The share of them that grow.
        growing: "ratio" 0.0 1.0 "拡大中のロードバランサーの割合",
        /// Targets behind those that grow.
        targets: "targets" 1.0 10_000_000.0 "拡大中のロードバランサーのターゲット数",
        /// New targets for each launch.
        targets_per_launch: "targets" 0.0 10.0 "起動 1 件あたりの新しいターゲット",
        /// Targets that a check meets.
        probes: "targets" 0.0 1000.0 "1 回のヘルスチェックが見るターゲット数",
        /// The share of checks that fails at most for want of network state.
        worst: "ratio" 0.0 1.0 "ネットワーク未反映で失敗するチェックの最大の割合",
        /// Failed checks in a row that take a node out.
        fall: "checks" 1.0 100.0 "ノードを外すまでの連続失敗回数",
        /// Passed checks in a row that put it back.
        rise: "checks" 1.0 100.0 "ノードを戻すまでの連続成功回数",
        /// Checks that the checker can do, against what is usual.
        checker: "ratio" 0.1 1000.0 "チェッカーの処理能力（通常に対する比）",
        /// Work that taking out or putting back makes.
        change_work: "checks" 0.0 1000.0 "ノードの出し入れ 1 回が生む作業",
        /// By how much a check may be late, so that half of them still count.
        patience: "s" 1.0 3600.0 "チェックの遅れの許容（半数がまだ有効な遅れ）",
        /// How far behind the checker can be.
        most_overdue: "min" 0.0 600.0 "チェッカーの遅れの上限",
        /// How long clients keep a load balancer's addresses.
        ttl: "s" 1.0 86_400.0 "クライアントがロードバランサーのアドレスを保持する時間",
        /// The share of nodes that may be out, once there is a limit.
        velocity_limit: "ratio" 0.0 1.0 "上限がある場合に、外してよいノードの割合",
    }
    /// Lambda.
    lambda: Lambda {
        /// Invocations, on the mean.
        demand: "invocations/min" 0.0 10_000_000.0 "関数呼び出しの平均",
        /// The share of invocations that is asynchronous.
        events: "ratio" 0.0 1.0 "非同期の呼び出しの割合",
        /// What Lambda's hosts can do, against the mean.
        capacity: "ratio" 0.0 100.0 "Lambda のホストの処理能力（平均に対する比）",
        /// How long Lambda goes on without the database's name.
        keep: "s" 0.0 86_400.0 "データベースの名前なしで Lambda が動き続ける時間",
        /// Events that the pollers fetch, against the mean.
        poll_rate: "ratio" 0.0 100.0 "ポーラーが取得できるイベント（平均に対する比）",
        /// Until the pollers are all started again.
        pollers_start: "min" 0.1 1440.0 "全ポーラーの再開にかかる時間",
        /// Events let through while they are throttled, against the mean.
        throttle: "ratio" 0.0 100.0 "抑制中に通すイベント（平均に対する比）",
        /// The share of hosts from which on they are throttled no more.
        unthrottle: "ratio" 0.0 1.0 "抑制を解くホストの割合",
        /// From which wait on an event is late.
        late: "min" 0.5 1440.0 "イベントが「遅い」とみなされる待ち時間",
        /// The share of hosts ended in an hour if all load balancers hold them
        /// for dead.
        ended: "1/h" 0.0 60.0 "全ロードバランサーが停止とみなしたとき、1 時間に終了するホストの割合",
        /// The share of hosts that can be launched in an hour.
        replaced: "1/h" 0.0 60.0 "1 時間に起動できるホストの割合",
    }
    /// Connect.
    connect: Connect {
        /// Contacts, on the mean.
        demand: "contacts/min" 0.0 10_000_000.0 "コンタクトの平均",
        /// What Connect's hosts can do, against the mean.
        capacity: "ratio" 0.0 100.0 "Connect のホストの処理能力（平均に対する比）",
        /// How long Connect goes on without the database's name.
        keep: "s" 0.0 86_400.0 "データベースの名前なしで Connect が動き続ける時間",
        /// The share of contacts that are chats or tasks.
        chats: "ratio" 0.0 1.0 "コンタクトのうちチャットとタスクの割合",
        /// For how long these bear that their events wait.
        patience: "min" 0.5 1440.0 "チャットとタスクがイベントを待てる時間",
        /// Events that are worked off at most, against the mean.
        poll_rate: "ratio" 1.0 100.0 "処理できるイベントの上限（平均に対する比）",
        /// The share of hosts ended in an hour if all load balancers hold them for
        /// dead.
        ended: "1/h" 0.0 60.0 "停止とみなされ、1 時間に終了する Connect のホストの割合",
        /// The share of hosts that can be launched in an hour.
        replaced: "1/h" 0.0 60.0 "1 時間に起動できる Connect のホストの割合",
    }
    /// STS.
    tokens: Tokens {
        /// Requests to STS, on the mean.
        demand: "requests/min" 0.0 10_000_000.0 "STS への要求の平均",
        /// What STS can do, against the mean.
        capacity: "ratio" 0.0 100.0 "STS の処理能力（平均に対する比）",
        /// How long STS goes on without the database's name.
        keep: "s" 0.0 86_400.0 "データベースの名前なしで STS が動き続ける時間",
        /// Until a request to STS that failed is made again.
        retry: "min" 0.5 1440.0 "STS への失敗した要求を再要求するまでの時間",
        /// The share of failed requests to STS that is made again.
        persistence: "ratio" 0.0 1.0 "STS への失敗した要求のうち再要求される割合",
        /// In which its hosts are led to the database by other means.
        rollout: "min" 0.5 1440.0 "STS のホストを別経路でデータベースへつなぐのにかかる時間",
    }
    /// Console and IAM sign-in.
    sign_in: SignIn {
        /// Sign-ins, on the mean.
        demand: "requests/min" 0.0 10_000_000.0 "サインインの要求の平均",
        /// Sign-ins that can be done, against the mean.
        capacity: "ratio" 0.0 100.0 "サインインの処理能力（平均に対する比）",
        /// How long sign-in goes on without the database's name.
        keep: "s" 0.0 86_400.0 "データベースの名前なしでサインインが動き続ける時間",
        /// Until a sign-in that failed is tried again.
        retry: "min" 0.5 1440.0 "失敗したサインインを再試行するまでの時間",
        /// The share of failed sign-ins that is tried again.
        persistence: "ratio" 0.0 1.0 "失敗したサインインのうち再試行される割合",
        /// In which its hosts are led to the database by other means.
        rollout: "min" 0.5 1440.0 "サインインのホストを別経路でデータベースへつなぐのにかかる時間",
    }
    /// ECS, EKS and Fargate.
    containers: Containers {
        /// Tasks, on the mean.
        demand: "tasks/min" 0.0 1_000_000.0 "コンテナのタスクの平均",
        /// Hosts that stand ready, in minutes of the mean demand.
        pool: "min" 0.0 1440.0 "待機しているホストの量（平均需要の何分ぶんか）",
        /// For how long a task waits for a host.
        patience: "min" 0.5 1440.0 "タスクがホストを待つ時間",
        /// Hosts that are launched at most, against the mean demand.
        launched: "ratio" 0.0 100.0 "起動できるホストの上限（平均需要に対する比）",
    }
    /// Redshift.
    redshift: Redshift {
        /// Queries, on the mean.
        queries: "queries/min" 0.0 10_000_000.0 "クエリの平均",
        /// The share of them that needs the database.
        depend: "ratio" 0.0 1.0 "クエリのうちデータベースを必要とする割合",
        /// How long queries go on without the database's name.
        keep: "s" 0.0 86_400.0 "データベースの名前なしでクエリが動き続ける時間",
        /// Clusters.
        clusters: "clusters" 1.0 1_000_000.0 "クラスターの数",
        /// Clusters that lose a host.
        lost: "clusters/h" 0.0 100_000.0 "ホストを失うクラスター",
        /// Clusters whose host is replaced, if launches succeed.
        workflows: "clusters/h" 0.0 100_000.0 "起動が成功する場合に、ホストを交換できるクラスター",
    }
    /// Global tables.
    tables: Tables {
        /// Writes in other regions, on the mean.
        writes: "writes/min" 0.0 10_000_000.0 "他リージョンでの書き込みの平均",
        /// Writes that can be replicated, against that.
        catch_up: "ratio" 0.0 1000.0 "複製できる書き込み（平均に対する比）",
    }
    /// Other arrangements of the services.
    architecture: Arrangement {
        /// Regions, where there are several.
        regions: "regions" 2.0 20.0 "複数リージョンの場合のリージョン数",
        /// Cells, where there are any.
        cells: "cells" 2.0 1000.0 "セル分割の場合のセル数",
        /// For how long what is known holds without the database, where it does.
        outlive: "h" 0.0 48.0 "静的安定性の場合に、既知の情報だけで動き続ける時間",
        /// The share of requests that fail from which on a region is left.
        leave: "ratio" 0.0 1.0 "リージョンから迂回し始める失敗の割合",
        /// For how long it must be so.
        notice: "min" 0.0 600.0 "迂回を始めるまでに、それが続く時間",
        /// In which two thirds of the customers have moved.
        move_time: "min" 0.5 600.0 "顧客の 3 分の 2 が移るのにかかる時間",
        /// For how long a region must be well before they come back.
        trust: "min" 0.0 1440.0 "顧客が戻るまでに、正常が続くべき時間",
    }
}
