//! The parameters of the simulation.

use cascade::{Parameter, Parameters, SourceKind};

use crate::lang::{Text, text};

/// A parameter's description.
pub(crate) fn about(parameter: &Parameter) -> Text {
    let ja = japanese(&parameter.name).map(|[_, about, _]| *about);
    text(parameter.about, ja.unwrap_or(parameter.about))
}

/// What was published about a parameter, or why its value is assumed. A source from a
/// user's file is shown unchanged.
pub(crate) fn source(parameter: &Parameter, built_in: &Parameters) -> Text {
    let why = &parameter.source.why;
    let is_built_in = |it: &Parameter| it.name == parameter.name && it.source == parameter.source;
    let ja = japanese(&parameter.name).filter(|_| built_in.list_all().iter().any(is_built_in));
    text(why, ja.map_or(why, |[.., source]| source))
}

/// Whether the value was published or is assumed, and its source.
pub(crate) fn sourced(parameter: &Parameter, built_in: &Parameters) -> Text {
    let (kind, why) = (kind(parameter.source.kind), source(parameter, built_in));
    Text::new(
        format!("({}: {})", kind.en, why.en),
        format!("（{}：{}）", kind.ja, why.ja),
    )
}

/// Whether a value was published or is assumed, in a word.
pub(crate) fn kind(kind: SourceKind) -> Text {
    match kind {
        SourceKind::Published => text("published", "公表"),
        SourceKind::Assumed => text("assumed", "仮定"),
    }
}

fn japanese(name: &str) -> Option<&'static [&'static str; 3]> {
    JAPANESE.iter().find(|it| it[0] == name)
}

/// For each parameter: its name, its description, and the source of its built-in value.
#[rustfmt::skip]
const JAPANESE: &[[&str; 3]] = &[
    ["dns.positive_ttl", "アドレスを保持する時間", "ヘルスチェックを使う構成で一般的な短い TTL"],
    ["dns.negative_ttl", "「レコードなし」を保持する時間", "空の応答は 09:25 から 09:40 にかけてキャッシュから消えた"],
    ["dns.negative_spread", "その保持を短く切り上げる幅", "保持時間に上限を設けるリゾルバーがある"],
    ["dns.resolvers", "リゾルバーの数（それぞれが独立のキャッシュ）", "曲線が滑らかになる数"],
    ["demand.scale", "全需要の、通常に対する比", "通常の日"],
    ["demand.swing", "1 日の需要の山と谷の、平均からの幅", "南北アメリカの業務時間"],
    ["demand.peak_hour", "需要が最大になる時刻", "ニューヨークの昼過ぎ"],
    ["demand.day_noise", "日ごとの需要のずれ（シードによる）", "月曜日はどれも似ている"],
    ["demand.noise", "30 秒ごとの需要のずれ", "顧客が多いので、ばらつきは小さい"],
    ["droplets.count", "ドロップレットの数", "一つが多数を代表する。重要なのはホストあたりの作業量とタイムアウトの比"],
    ["droplets.hosts", "DWFM のホストの数", "一台の重みが小さくなる数"],
    ["droplets.renewal_interval", "リース更新の間隔", "通常の日、ホストは処理能力の半分を更新に使う"],
    ["droplets.lease_term", "リースの有効期間", "更新は 1 回までなら失敗してよい"],
    ["droplets.time_out", "更新をあきらめて再要求するまでの時間", "ホストが全ドロップレットの更新に要する時間の 3 分の 1"],
    ["droplets.work", "更新 1 件に対するホストの作業時間", "全ドロップレットの更新にタイムアウト 3 回ぶんかかる。崩壊は 2 回ぶんを超えると始まる"],
    ["droplets.retry", "失敗した更新を再要求するまでの平均時間", "状態確認に失敗した後の、通常の間隔"],
    ["droplets.throttle", "制限中に受け入れる更新（ホストの処理能力に対する比）", "ホストの処理能力より少なく、更新に必要な量より多い"],
    ["droplets.restart_time", "次のホストを再起動するまでの間隔", "通常の再起動を一台ずつ"],
    ["launches.demand", "顧客が求める起動の平均", "単位は任意で、重要なのは比"],
    ["launches.placement", "全ドロップレットの収容力（平均需要に対する比）", "ピークのための余裕"],
    ["launches.persistence", "失敗した起動のうち、成功するまで再要求される割合", "自動化は要求を続け、人はあきらめる"],
    ["launches.retry", "起動を再要求するまでの時間", "自動化の通常の間隔"],
    ["launches.readmit", "起動の受け入れを再開するリースの割合", "リースが戻ると起動を受け入れる"],
    ["launches.throttle", "DWFM の制限中に受け入れる起動", "未処理の蓄積が示すとおり、ネットワークマネージャーの処理能力を上回る"],
    ["launches.shed", "負荷の軽減中に受け入れる起動", "ネットワークマネージャーの処理能力を下回る"],
    ["launches.relax_factor", "起動の制限を 1 回に緩める倍率", "段階的に"],
    ["launches.relax_interval", "起動の制限を緩める間隔", "各段階の様子を見る時間"],
    ["network.partitions", "パーティションの数（それぞれが独立のキュー）", "曲線が滑らかになる数"],
    ["network.unevenness", "パーティションの負荷の、平均からのずれ", "パーティションはハッシュで分散される"],
    ["network.capacity", "反映できるネットワーク変更の量", "通常のピークを少し上回る"],
    ["network.changes_per_launch", "起動 1 件あたりのネットワーク変更", "単位は任意"],
    ["network.other_changes", "起動以外によるネットワーク変更の平均", "起動によるものの 4 分の 1"],
    ["network.least_delay", "キューが空のときの反映時間", "通常のインスタンスの起動"],
    ["network.late", "反映が「遅い」とみなされる遅延", "インスタンスをこれより長くは待たない"],
    ["balancers.count", "ロードバランサーの数（3 ゾーンに 1 ノードずつ）", "曲線が滑らかになる数"],
    ["balancers.growing", "拡大中のロードバランサーの割合", "エラーが出たのは一部のロードバランサー。その数は公表されていない"],
    ["balancers.targets", "拡大中のロードバランサーのターゲット数", "拡大中のものの各ゾーンに 16 ずつ"],
    ["balancers.targets_per_launch", "起動 1 件あたりの新しいターゲット", "インスタンスの 3 分の 1 がロードバランサーの後ろで動く"],
    ["balancers.probes", "1 回のヘルスチェックが見るターゲット数", "1 回のチェックが見るターゲットは少数"],
    ["balancers.worst", "ネットワーク未反映で失敗するチェックの最大の割合", "以前からあるターゲットは成功し続ける"],
    ["balancers.fall", "ノードを外すまでの連続失敗回数", "一般的な既定値"],
    ["balancers.rise", "ノードを戻すまでの連続成功回数", "ノードを外すときと同じ回数"],
    ["balancers.checker", "チェッカーの処理能力（通常に対する比）", "通常の 1.5 倍"],
    ["balancers.change_work", "ノードの出し入れ 1 回が生む作業", "変更は DNS と全ノードに送られる"],
    ["balancers.patience", "チェックの遅れの許容（半数がまだ有効な遅れ）", "チェック間隔の 2 回ぶん"],
    ["balancers.most_overdue", "チェッカーの遅れの上限", "それより古いチェックは破棄される"],
    ["balancers.ttl", "クライアントがロードバランサーのアドレスを保持する時間", "ロードバランサーの名前の一般的な TTL"],
    ["balancers.velocity_limit", "上限がある場合に、外してよいノードの割合", "上限の導入は発表されたが、値は公表されていない"],
    ["lambda.demand", "関数呼び出しの平均", "単位は任意"],
    ["lambda.events", "非同期の呼び出しの割合", "大半は同期処理"],
    ["lambda.capacity", "Lambda のホストの処理能力（平均に対する比）", "ピークと 1 ゾーン喪失のための余裕"],
    ["lambda.keep", "データベースの名前なしで Lambda が動き続ける時間", "接続は数分間保たれる"],
    ["lambda.poll_rate", "ポーラーが取得できるイベント（平均に対する比）", "ポーラーは律速ではない"],
    ["lambda.pollers_start", "全ポーラーの再開にかかる時間", "多数のホストへの展開"],
    ["lambda.throttle", "抑制中に通すイベント（平均に対する比）", "同期処理を優先"],
    ["lambda.unthrottle", "抑制を解くホストの割合", "ほぼ全ホストがそろったとき"],
    ["lambda.late", "イベントが「遅い」とみなされる待ち時間", "イベントをこれより長くは待たない"],
    ["lambda.ended", "全ロードバランサーが停止とみなしたとき、1 時間に終了するホストの割合", "停止とみなされたホストは 1 時間ほどで終了する"],
    ["lambda.replaced", "1 時間に起動できるホストの割合", "ホストは慎重に投入される"],
    ["connect.demand", "コンタクトの平均", "単位は任意"],
    ["connect.capacity", "Connect のホストの処理能力（平均に対する比）", "Lambda と同じ"],
    ["connect.keep", "データベースの名前なしで Connect が動き続ける時間", "設定は約 1 時間ごとに読み直される"],
    ["connect.chats", "コンタクトのうちチャットとタスクの割合", "大半は通話"],
    ["connect.patience", "チャットとタスクがイベントを待てる時間", "これより長く待つチャットは打ち切られる"],
    ["connect.poll_rate", "処理できるイベントの上限（平均に対する比）", "ポーラーは律速ではない"],
    ["connect.ended", "停止とみなされ、1 時間に終了する Connect のホストの割合", "Lambda と同じ"],
    ["connect.replaced", "1 時間に起動できる Connect のホストの割合", "ホストは長い試験の後に初めて通話を受ける"],
    ["tokens.demand", "STS への要求の平均", "単位は任意"],
    ["tokens.capacity", "STS の処理能力（平均に対する比）", "1 ゾーン喪失のための余裕"],
    ["tokens.keep", "データベースの名前なしで STS が動き続ける時間", "接続は数分間保たれる"],
    ["tokens.retry", "STS への失敗した要求を再要求するまでの時間", "SDK やエージェントはすぐ再試行する"],
    ["tokens.persistence", "STS への失敗した要求のうち再要求される割合", "認証情報はいずれ必要になる"],
    ["tokens.rollout", "STS のホストを別経路でデータベースへつなぐのにかかる時間", "一つの設定を全ホストに配る"],
    ["sign_in.demand", "サインインの要求の平均", "単位は任意"],
    ["sign_in.capacity", "サインインの処理能力（平均に対する比）", "1 ゾーン喪失のための余裕"],
    ["sign_in.keep", "データベースの名前なしでサインインが動き続ける時間", "STS と同じ"],
    ["sign_in.retry", "失敗したサインインを再試行するまでの時間", "人は後でもう一度試す"],
    ["sign_in.persistence", "失敗したサインインのうち再試行される割合", "サインインが必要な人は試し続ける"],
    ["sign_in.rollout", "サインインのホストを別経路でデータベースへつなぐのにかかる時間", "STS よりシステムが多い"],
    ["containers.demand", "コンテナのタスクの平均", "単位は任意"],
    ["containers.pool", "待機しているホストの量（平均需要の何分ぶんか）", "30 分ぶんのホストが待機"],
    ["containers.patience", "タスクがホストを待つ時間", "これより長く待つ人は別の手段を見つけている"],
    ["containers.launched", "起動できるホストの上限（平均需要に対する比）", "ピークを少し上回る"],
    ["redshift.queries", "クエリの平均", "単位は任意"],
    ["redshift.depend", "クエリのうちデータベースを必要とする割合", "新たにサインインするもの、または変更するもの"],
    ["redshift.keep", "データベースの名前なしでクエリが動き続ける時間", "接続は 1 分間保たれる"],
    ["redshift.clusters", "クラスターの数", "単位は任意"],
    ["redshift.lost", "ホストを失うクラスター", "毎時、クラスター千個につき 1 ホスト"],
    ["redshift.workflows", "起動が成功する場合に、ホストを交換できるクラスター", "通常の 2 倍"],
    ["tables.writes", "他リージョンでの書き込みの平均", "単位は任意"],
    ["tables.catch_up", "複製できる書き込み（平均に対する比）", "一括処理は効率がよい"],
    ["architecture.regions", "複数リージョンの場合のリージョン数", "一般的な数"],
    ["architecture.cells", "セル分割の場合のセル数", "一般的な数"],
    ["architecture.outlive", "静的安定性の場合に、既知の情報だけで動き続ける時間", "人が復旧するための 1 日"],
    ["architecture.leave", "リージョンから迂回し始める失敗の割合", "ばらつきより明らかに大きい"],
    ["architecture.notice", "迂回を始めるまでに、それが続く時間", "チェックの 4 回連続失敗"],
    ["architecture.move_time", "顧客の 3 分の 2 が移るのにかかる時間", "TTL は 1 分。名前をそれより長く保つクライアントもある"],
    ["architecture.trust", "顧客が戻るまでに、正常が続くべき時間", "戻すときは慎重に"],
    ["switches.internal_endpoints", "内部サービスがデータベースへの接続を回復", "最初の緩和策、ツールの復旧"],
    ["switches.dwfm_throttle", "DWFM の受け付けを制限し、ホストを一台ずつ再起動", "受け付ける処理を制限し、ホストを一台ずつ再起動"],
    ["switches.pollers_restored", "SQS ポーラーを復旧", "SQS ポーラーを復旧"],
    ["switches.network_shed", "起動を減らし、ネットワークマネージャーの遅れを解消", "13:21〜17:36 の遅延中に負荷を軽減した。時刻は公表されていない"],
    ["switches.async_throttle", "Lambda の非同期処理を抑制", "エラー増加の後に非同期処理を抑制した。時刻は公表されていない"],
    ["switches.failover_off", "NLB の自動フェイルオーバーを停止", "自動フェイルオーバーを停止"],
    ["switches.throttles_relaxed", "起動の制限を段階的に緩和", "以降、制限を緩和"],
    ["switches.failover_on", "NLB の自動フェイルオーバーを再開", "自動フェイルオーバーを再開"],
    ["switches.velocity_limit", "NLB が容量を外す速さの上限", "事後に発表"],
    ["switches.queue_throttle", "キューの長さに応じた起動の制限", "事後に発表"],
];

#[cfg(test)]
mod tests {
    use cascade::Parameters;

    use super::{about, source};

    #[test]
    fn each_parameter_and_its_source_are_in_japanese() {
        let is_japanese = |text: &str| text.chars().any(|c| c >= '\u{3040}');
        let built_in = Parameters::default();
        for it in built_in.list_all() {
            for text in [about(it), source(it, &built_in)] {
                assert!(is_japanese(&text.ja) && !is_japanese(&text.en), "{text:?}");
            }
        }
    }

    #[test]
    fn a_source_from_a_users_file_is_shown_unchanged() {
        let text = "[dns]\nnegative_ttl = { value = 30, unit = 's', source = 'assumed: short' }\n";
        let own = Parameters::parse(text, std::path::Path::new("own.toml")).unwrap();
        let changed = own
            .list_all()
            .iter()
            .find(|it| it.name == "dns.negative_ttl");
        let source = source(changed.unwrap(), &Parameters::default());
        assert_eq!([source.en, source.ja], ["short"; 2]);
    }
}
