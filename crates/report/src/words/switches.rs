//! The measures that people took on the day, or announced afterwards.

use cascade::Switch;

use crate::lang::{Text, text};

/// A switch's name.
pub(crate) fn name(switch: Switch) -> Text {
    let ja = match switch {
        Switch::InternalEndpoints => "内部サービスがデータベースへの接続を回復",
        Switch::DwfmThrottle => "DWFM の受け付けを制限し、ホストを一台ずつ再起動",
        Switch::PollersRestored => "SQS ポーラーを復旧",
        Switch::NetworkShed => "起動を減らし、ネットワークマネージャーの遅れを解消",
        Switch::AsyncThrottle => "Lambda の非同期処理を抑制",
        Switch::FailoverOff => "NLB の自動フェイルオーバーを停止",
        Switch::ThrottlesRelaxed => "起動の制限を段階的に緩和",
        Switch::FailoverOn => "NLB の自動フェイルオーバーを再開",
        Switch::VelocityLimit => "NLB が容量を外す速さの上限",
        Switch::QueueThrottle => "キューの長さに応じた起動の制限",
    };
    text(switch.caption(), ja)
}
