//! The containers and images of a host, on its page (`host.rs`): what runs, from which image, with which rights.

use super::block::{Block, Cell, Tone};
use super::host::{Listed, not_observed, table};
use super::list::Wanted;
use super::visit::Visit;
use super::words::Lang;
use yakujo_contract::evidence::host::Host;
use yakujo_contract::fact::Coverage;
use yakujo_contract::fact::container::{Container, Image, Running};

/// Names that are said in a remark; the list has them all.
const NAMED: usize = 5;

/// What a reader of the page should know whichever tab is open: containers that are kept apart from the host by little, and
/// engines of which nobody can say what they run.
#[must_use]
pub fn remarks(visit: &Visit, host: &Host) -> Vec<Block> {
    let mut remarks = Vec::new();
    let Some(list) = host.containers.newest() else { return remarks };
    let named = |is_meant: fn(&Container) -> Option<bool>| {
        let all: Vec<&str> =
            list.items.iter().filter(|it| is_meant(it) == Some(true)).map(|it| it.name.as_str()).collect();
        (!all.is_empty()).then(|| shortened(visit, &all))
    };
    if let Some(names) = named(|container| container.privileged) {
        let text = match visit.lang {
            Lang::Ja => format!("ホストのすべての権限をもつコンテナがあります：{names}"),
            Lang::En => format!("Containers with all rights of the host: {names}"),
        };
        remarks.push(Block::note(Tone::Warn, "", text));
    }
    if let Some(names) = named(|container| container.host_network) {
        let text = match visit.lang {
            Lang::Ja => format!("ホストのネットワークをそのまま使うコンテナがあります：{names}"),
            Lang::En => format!("Containers that use the network of the host: {names}"),
        };
        remarks.push(Block::note(Tone::Warn, "", text));
    }
    let images = host.images.newest().map(|list| list.coverage).unwrap_or_default();
    remarks.extend(missed(visit, &list.coverage.worse(&images)));
    remarks
}

fn shortened(visit: &Visit, names: &[&str]) -> String {
    let some = names.get(..NAMED).unwrap_or(names).join(visit.of("、", ", "));
    match (names.len().saturating_sub(NAMED), visit.lang) {
        (0, _) => some,
        (more, Lang::Ja) => format!("{some} ほか {more} 件"),
        (more, Lang::En) => format!("{some} and {more} more"),
    }
}

fn missed(visit: &Visit, coverage: &Coverage) -> Option<Block> {
    if coverage.is_complete() {
        return None;
    }
    let text = match visit.lang {
        Lang::Ja => format!("読み取れないコンテナまたはイメージがあります（{}）。", coverage.reason),
        Lang::En => format!("Not all containers or images can be read ({}).", coverage.reason),
    };
    Some(Block::note(Tone::Warn, "", text))
}

/// What an empty list says: there are none, none could be read, or nobody has looked.
fn empty<'a>(
    visit: &'a Visit,
    coverage: Option<&Coverage>,
    (none, unread): (Words<'a>, Words<'a>),
) -> &'a str {
    match coverage {
        Some(coverage) if coverage.is_complete() => visit.of(none.0, none.1),
        Some(_) => visit.of(unread.0, unread.1),
        None => not_observed(visit),
    }
}

/// Japanese and English.
type Words<'a> = (&'a str, &'a str);

/// The tab of containers.
#[must_use]
pub fn containers(visit: &Visit, host: &Host, wanted: &Wanted) -> Listed {
    let list = host.containers.newest();
    let none = empty(
        visit,
        list.as_ref().map(|list| &list.coverage),
        (
            ("コンテナはありません。", "No containers."),
            ("読み取れたコンテナはありません。", "No containers that could be read."),
        ),
    );
    let mut items = list.map(|list| list.items).unwrap_or_default();
    items.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let cells = |item: &&Container| {
        vec![
            Cell::code(item.name.as_str()),
            Cell::code(item.image.as_str()),
            Cell::code(item.image_id.as_ref().map_or("－", |id| id.as_str())),
            Cell::text(state(visit, item.state)),
            Cell::maybe_time(visit.lang, item.since),
            rights(visit, item),
            ports(visit, item),
            Cell::text(item.mounts.join("、")),
        ]
    };
    let taken = wanted.take(items.into_iter(), |item| format!("{}|{}", item.name, item.id), cells);
    let heads = [
        visit.of("コンテナ", "Container"),
        visit.of("イメージ", "Image"),
        visit.of("イメージのID（SHA-256）", "Id of the image (SHA-256)"),
        visit.of("状態", "State"),
        visit.of("稼働開始", "Runs since"),
        visit.of("権限", "Rights"),
        visit.of("公開ポート", "Published ports"),
        visit.of("書き込めるホストの場所", "May write on the host"),
    ];
    table(visit.of("コンテナ", "Containers"), &heads, taken, none)
}

fn state(visit: &Visit, state: Running) -> &str {
    match state {
        Running::Created => visit.of("未起動", "Not started yet"),
        Running::Running => visit.of("稼働中", "Runs"),
        Running::Paused => visit.of("一時停止中", "Paused"),
        Running::Stopped => visit.of("停止中", "Stopped"),
    }
}

fn rights(visit: &Visit, container: &Container) -> Cell {
    let (Some(privileged), Some(network)) = (container.privileged, container.host_network) else {
        return Cell::text(visit.of("不明（最初の起動まで）", "Unknown before its first start"));
    };
    let said = [
        (privileged, visit.of("特権", "Privileged")),
        (network, visit.of("ホストのネットワーク", "Network of the host")),
    ];
    let tags: Vec<Cell> =
        said.into_iter().filter(|(is, _)| *is).map(|(_, words)| Cell::Tag(words.to_owned())).collect();
    if tags.is_empty() { Cell::text(visit.of("制限あり", "Limited")) } else { Cell::Many(tags) }
}

fn ports(visit: &Visit, container: &Container) -> Cell {
    match &container.ports {
        Some(ports) => Cell::text(ports.join("、")),
        None => Cell::text(visit.of("「待受け」を参照", "See “Listeners”")),
    }
}

/// The tab of images.
#[must_use]
pub fn images(visit: &Visit, host: &Host, wanted: &Wanted) -> Listed {
    let list = host.images.newest();
    let none = empty(
        visit,
        list.as_ref().map(|list| &list.coverage),
        (
            ("イメージはありません。", "No images."),
            ("読み取れたイメージはありません。", "No images that could be read."),
        ),
    );
    let mut items = list.map(|list| list.items).unwrap_or_default();
    items.sort_by(|a, b| (&a.engine, &a.id).cmp(&(&b.engine, &b.id)));
    let cells = |item: &&Image| {
        let digests: Vec<&str> = item.digests.iter().map(|digest| digest.as_str()).collect();
        let size = item.bytes.map_or_else(|| "－".to_owned(), mebibytes);
        vec![
            Cell::code(item.engine.as_str()),
            Cell::text(match item.names.is_empty() {
                true => visit.of("（名前なし）", "(no name)").to_owned(),
                false => item.names.join("、"),
            }),
            Cell::code(item.id.as_str()),
            Cell::text(digests.join("、")),
            Cell::maybe_time(visit.lang, item.created),
            Cell::number(size),
        ]
    };
    let taken = wanted.take(items.into_iter(), |item| format!("{}|{}", item.engine, item.id), cells);
    let heads = [
        visit.of("エンジン", "Engine"),
        visit.of("名前", "Names"),
        "ID（SHA-256）",
        visit.of("配布元のダイジェスト", "Digest at the registry"),
        visit.of("作成日時", "Made"),
        visit.of("大きさ", "Size"),
    ];
    table(visit.of("コンテナイメージ", "Container images"), &heads, taken, none)
}

fn mebibytes(bytes: u64) -> String {
    let tenths = u128::from(bytes) * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
