//! The services, what they need each other for, and their series.

use cascade::{Dependency, Series, Service};

use crate::lang::{Text, text};

/// A service's name. A narrow box may break a word at a zero width space.
pub(crate) fn name(service: Service) -> Text {
    let ja = match service {
        Service::DynamoDb => "DynamoDB",
        Service::GlobalTables => "グローバル\u{200b}テーブル",
        Service::Droplets => "EC2 ドロップ\u{200b}レットのリース",
        Service::Launches => "EC2 インスタンス起動",
        Service::NetworkManager => "EC2 ネットワーク\u{200b}マネージャー",
        Service::LoadBalancers => "Network Load Balancer",
        Service::Lambda => "Lambda",
        Service::Containers => "ECS・EKS・Fargate",
        Service::Connect => "Connect",
        Service::Tokens => "STS",
        Service::SignIn => "コンソールへのサインイン",
        Service::Redshift => "Redshift クエリ",
        Service::RedshiftClusters => "Redshift クラスター",
    };
    text(service.caption(), ja)
}

/// What a service needs the other service for.
pub(crate) fn need(dependency: &Dependency) -> Text {
    use Service::{
        Connect, Containers, Droplets, DynamoDb, GlobalTables, Lambda, Launches, LoadBalancers,
        NetworkManager, Redshift, RedshiftClusters, SignIn, Tokens,
    };
    let ja = match (dependency.service, dependency.on) {
        (GlobalTables, DynamoDb) => "レプリケーションの書き込み",
        (Droplets, DynamoDb) => "リースの状態確認",
        (Launches, DynamoDb) => "起動処理の状態",
        (Launches, Droplets) => "リースのあるドロップレット",
        (NetworkManager, Launches) => "ネットワークに接続する新インスタンス",
        (LoadBalancers, NetworkManager) => "新ターゲットのネットワーク状態",
        (Lambda, DynamoDb) => "関数とその状態",
        (Lambda, LoadBalancers) => "ホストのヘルスチェック",
        (Lambda | RedshiftClusters, Launches) => "失ったホストの補充",
        (Containers, Launches) => "タスクを載せるホスト",
        (Connect, DynamoDb) => "設定（しばらく手元に保持）",
        (Connect, Lambda) => "チャットとタスクのイベント",
        (Connect | Tokens, LoadBalancers) => "フロントエンド",
        (Tokens, DynamoDb) => "セッションの状態",
        (SignIn, DynamoDb) => "サインインの状態",
        (Redshift, DynamoDb) => "クラスターの状態",
        _ => dependency.how,
    };
    text(dependency.how, ja)
}

/// What a series of a service shows.
pub(crate) fn series(service: Service, series: &Series) -> Text {
    let ja = match (service, series.key) {
        (Service::LoadBalancers, "out_growing") => "外された容量（拡大中の LB）",
        (Service::LoadBalancers, "pending") => "ネットワーク状態のない新ターゲット",
        (Service::LoadBalancers, "changes") => "切り離しと復帰の回数",
        (Service::LoadBalancers, "overdue") => "ヘルスチェックの遅れ",
        (Service::Containers, "pool") => "待機中のホスト",
        (Service::Containers, "waiting") => "ホストを待つタスク",
        (Service::Droplets, "leased") => "リースのあるドロップレット",
        (Service::Droplets, "queue") => "DWFM ホストのキューの平均待ち時間",
        (Service::Droplets, "renewed") => "更新されたリースの累計",
        (Service::Tokens | Service::SignIn, "again") => "再試行を待つリクエスト",
        (Service::Tokens | Service::SignIn, "capacity") => "平均需要に対する処理能力",
        (Service::Lambda, "failed") => "失敗する同期呼び出しの割合",
        (Service::Lambda, "backlog") => "待機中の非同期イベント",
        (Service::Lambda, "wait") => "非同期イベントの待ち時間",
        (Service::Connect | Service::Lambda, "hosts") => "稼働ホストの割合",
        (Service::Lambda, "pollers") => "稼働中のポーラーの割合",
        (Service::Launches, "wanted") => "再試行を待つ起動",
        (Service::Launches, "launched") => "起動数",
        (Service::Launches, "failed") => "拒否された起動の割合",
        (Service::NetworkManager, "backlog") => "キュー内の変更",
        (Service::NetworkManager, "delay") => "ネットワーク状態の平均遅延",
        (Service::NetworkManager, "held") => "リースのないドロップレット宛の変更",
        (Service::RedshiftClusters, "waiting") => "ホストを待つクラスター",
        (Service::DynamoDb, "resolvers_without") => "否定応答を保持するリゾルバー",
        (Service::GlobalTables, "lag") => "レプリカの遅れ",
        _ => series.caption,
    };
    text(series.caption, ja)
}
