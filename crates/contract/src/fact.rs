//! Facts: what a program observed. A closed enum, version 1, one struct per kind in the files of `fact/`.
//!
//! Field names follow osquery and OpenTelemetry where they have one. A fact never carries a secret.

pub mod access;
pub mod agent;
pub mod backup;
pub mod container;
pub mod content;
pub mod host;
pub mod integrity;
pub mod logs;
pub mod malware;
pub mod network;
pub mod probe;
pub mod server;
pub mod site;
pub mod software;
pub mod state;
pub mod vulnerability;

use serde::{Deserialize, Serialize};

/// Whether a reading saw everything it should have seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Coverage {
    /// Things that could not be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreadable: u32,
    /// Things left out on purpose or for size.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u32,
    /// Why, in plain English, for the operator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Coverage {
    /// True when nothing was missed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unreadable == 0 && self.skipped == 0
    }

    /// Of two parts of one reading, the one that missed more.
    #[must_use]
    pub fn worse(self, other: &Self) -> Self {
        let missed = |coverage: &Self| coverage.unreadable.saturating_add(coverage.skipped);
        if missed(other) > missed(&self) { other.clone() } else { self }
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A list that may need several facts: part `index` of `of` of the set named `set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// From 0.
    pub index: u16,
    /// Number of parts.
    pub of: u16,
    /// Digest of the whole list (64 hexadecimal digits): names the set.
    pub set: String,
}

/// One row per kind: its word, its variant, its content, its names. A closed set in one place, so that no list of kinds
/// can differ from another.
macro_rules! facts {
    ($($kind:literal $variant:ident($content:ty) $ja:literal $en:literal;)*) => {
        /// What a program observed.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum Fact {
            $(
                #[doc = $en]
                #[serde(rename = $kind)]
                $variant($content),
            )*
        }

        impl Fact {
            /// All kinds there are, in the words of `kind`.
            pub const KINDS: &[&str] = &[$($kind,)*];

            /// The word in the entry's `kind`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }

            /// What people call a kind, by its word, in Japanese and in English.
            #[must_use]
            pub fn name_of(kind: &str) -> Option<(&'static str, &'static str)> {
                match kind {
                    $($kind => Some(($ja, $en)),)*
                    _ => None,
                }
            }

            /// What people call it, in Japanese and in English.
            #[must_use]
            pub fn name(&self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$variant(_) => ($ja, $en),)*
                }
            }
        }
    };
}

facts! {
    "clock.state" ClockState(host::ClockState) "時刻の状態" "Clock";
    "clock.step" ClockStep(host::ClockStep) "時刻の飛び" "Clock step";
    "host.system" HostSystem(host::HostSystem) "OSとカーネル" "Operating system";
    "host.boot" HostBoot(host::HostBoot) "ホストの起動" "Boot";
    "host.identity" HostIdentity(host::HostIdentity) "機器の同一性" "Identity of the host";
    "service.change" ServiceChange(host::ServiceChange) "サービスの開始・停止" "Service start or stop";
    "capacity.sample" CapacitySample(host::CapacitySample) "容量の使用状況" "Capacity";
    "account.set" AccountSet(host::AccountSet) "アカウントの一覧" "Accounts";
    "privilege.rule" PrivilegeRules(host::PrivilegeRules) "特権の規則" "Rules of privilege";
    "device.plugged" DevicePlugged(host::DevicePlugged) "媒体・装置の接続" "Device plugged in or out";
    "av.engine" AvEngine(malware::AvEngine) "不正プログラム対策の状態" "Malware protection";
    "av.scan" AvScan(malware::AvScan) "不正プログラムの検査" "Malware scan";
    "av.gap" AvGap(malware::AvGap) "検査の漏れ" "Not scanned";
    "av.detection" AvDetection(malware::AvDetection) "不正プログラムの検知" "Malware detected";
    "av.selftest" AvSelfTest(malware::AvSelfTest) "検知の試験" "Detection test";
    "quarantine.item" QuarantineItem(malware::QuarantineItem) "隔離" "Quarantine";
    "quarantine.restore" QuarantineRestore(malware::QuarantineRestore) "隔離からの復元" "Restored from quarantine";
    "isolation.state" IsolationState(malware::IsolationState) "ネットワークからの遮断" "Isolation";
    "isolation.seen" IsolationSeen(malware::IsolationSeen) "遮断中の外からの確認" "Isolation seen from outside";
    "integrity.baseline" IntegrityBaseline(integrity::IntegrityBaseline) "改ざん監視の基準" "Integrity baseline";
    "integrity.held" IntegrityHeld(integrity::IntegrityHeld) "正しい内容の控え" "Known-good content held";
    "integrity.change" IntegrityChange(integrity::IntegrityChange) "ファイルの変化" "File change";
    "state.set" StateSet(state::StateSet) "構成の一覧" "Items of a host";
    "state.change" StateChange(state::StateChange) "構成の変化" "Items changed";
    "package.set" PackageSet(software::PackageSet) "ソフトウェアの一覧" "Installed software";
    "package.change" PackageChange(software::PackageChange) "ソフトウェアの増減" "Software change";
    "container.set" ContainerSet(container::ContainerSet) "コンテナの一覧" "Containers";
    "image.set" ImageSet(container::ImageSet) "コンテナイメージの一覧" "Container images";
    "package.update_available" UpdatesAvailable(software::UpdatesAvailable) "適用できる更新" "Updates available";
    "code.stale_running" StaleRunning(software::StaleRunning) "更新前のまま動くプログラム" "Old code still running";
    "support.phase" SupportPhase(software::SupportPhase) "サポート期限" "Support phase";
    "release.checked" ReleaseChecked(software::ReleaseChecked) "リリースの検査" "Release checked";
    "release.deployed" ReleaseDeployed(software::ReleaseDeployed) "リリースの配置" "Release deployed";
    "vuln.match" VulnMatch(vulnerability::VulnMatch) "脆弱性の該当" "Vulnerability match";
    "feed.imported" FeedImported(vulnerability::FeedImported) "脆弱性情報・定義の取込み" "Feed imported";
    "probe.diagnosis" ProbeDiagnosis(vulnerability::ProbeDiagnosis) "脆弱性診断" "Diagnosis";
    "net.listener" NetListeners(network::NetListeners) "待受けポート" "Listening sockets";
    "net.flow" NetFlows(network::NetFlows) "通信" "Communication";
    "net.firewall" NetFirewall(network::NetFirewall) "ファイアウォールの規則" "Firewall";
    "net.interface" NetInterfaces(network::NetInterfaces) "ネットワークの口と経路" "Interfaces and routes";
    "tls.endpoint" TlsEndpoint(network::TlsEndpoint) "暗号通信の口" "TLS endpoint";
    "environment.seen" EnvironmentSeen(network::EnvironmentSeen) "利用環境の見え方" "User environment as seen";
    "session.policy" SessionPolicy(access::SessionPolicy) "無操作切断の設定" "Idle settings";
    "login.open" LoginOpen(access::LoginOpen) "ホストへのログイン" "Login on a host";
    "login.close" LoginClose(access::LoginClose) "ホストからのログアウト" "Logout from a host";
    "login.failure" LoginFailure(access::LoginFailure) "ホストでのログイン失敗" "Login refused on a host";
    "priv.use" PrivilegeUse(access::PrivilegeUse) "特権の使用" "Use of privilege";
    "log.source" LogSource(logs::LogSource) "ログの収集元" "Log source";
    "log.anomaly" LogAnomaly(logs::LogAnomaly) "非定常的なアクセス" "Unusual access";
    "backup.run" BackupRun(backup::BackupRun) "バックアップ" "Backup";
    "backup.check" BackupCheck(backup::BackupCheck) "バックアップの検査" "Backup checked";
    "backup.restore_drill" RestoreDrill(backup::RestoreDrill) "復元試験" "Restore drill";
    "backup.retention" BackupRetention(backup::BackupRetention) "世代の整理" "Old backups removed";
    "probe.reach" ProbeReach(probe::ProbeReach) "外からの到達試験" "Reachability probe";
    "probe.availability" ProbeAvailability(probe::ProbeAvailability) "稼働の観測" "Availability probe";
    "probe.watch" ProbeWatch(probe::ProbeWatch) "監視の経過" "Targets watched";
    "probe.blind" ProbeBlind(probe::ProbeBlind) "監視点の回線断" "Probe cut off";
    "probe.session_cut" ProbeSessionCut(probe::ProbeSessionCut) "無操作切断の試験" "Idle cut tried";
    "probe.attack" ProbeAttack(probe::ProbeAttack) "攻撃検知の試験" "Attack detection tried";
    "probe.separation" ProbeSeparation(probe::ProbeSeparation) "環境分離の試験" "Separation tried";
    "content.public" ContentPublic(content::ContentPublic) "公開領域の検査" "Public area inspected";
    "content.test_data" ContentTestData(content::ContentTestData) "テストデータの検査" "Test data inspected";
    "door.event" DoorEvent(site::DoorEvent) "扉の記録" "Door event";
    "site.health" SiteHealth(site::SiteHealth) "監視設備の状態" "Surveillance equipment";
    "agent.beat" AgentBeat(agent::AgentBeat) "エージェントの定時報告" "Agent beat";
    "agent.start" AgentStart(agent::AgentStart) "エージェントの開始" "Agent start";
    "agent.stop" AgentStop(agent::AgentStop) "エージェントの停止" "Agent stop";
    "agent.loss" AgentLoss(agent::AgentLoss) "記録の欠落（申告）" "Declared loss";
    "agent.budget" AgentBudget(agent::AgentBudget) "エージェントの資源超過" "Agent over budget";
    "agent.policy" AgentPolicy(agent::AgentPolicy) "エージェントの方針" "Agent policy";
    "order.outcome" OrderOutcome(agent::OrderOutcome) "指令の結果" "Outcome of an order";
    "agent.update" AgentUpdate(agent::AgentUpdate) "エージェントの更新" "Agent update";
    "agent.gap" AgentGap(server::AgentGap) "番号の欠番" "Gap in the numbers";
    "host.silence" HostSilence(server::HostSilence) "ホストの沈黙" "Host silent";
    "host.heard" HostHeard(server::HostHeard) "ホストの通信再開" "Host heard again";
    "host.twin" HostTwin(server::HostTwin) "同じ証明書の二重使用" "One certificate used twice";
    "server.start" ServerStart(server::ServerStart) "サーバの開始" "Server start";
    "server.stop" ServerStop(server::ServerStop) "サーバの停止" "Server stop";
    "portal.check" PortalCheck(server::PortalCheck) "入口の自己検査" "Check of own doors";
    "session.open" SessionOpen(server::SessionOpen) "サインイン" "Sign-in";
    "session.close" SessionClose(server::SessionClose) "セッションの終了" "Session end";
    "auth.failure" AuthFailure(server::AuthFailure) "サインインの失敗" "Sign-in refused";
}
