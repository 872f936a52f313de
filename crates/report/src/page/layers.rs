//! The services in layers: a service that needs no other is on top. A line between
//! layers that are further apart goes through a place of its own in each layer between,
//! so that it crosses no service.

use ::cascade::{DEPENDENCIES, Dependency, Service};

/// A line's place in a layer, as a part of a box.
const THREAD: f64 = 0.18;

/// What is in a layer: a service, or a line (an index into the dependencies) that
/// passes through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Item {
    Service(Service),
    Line(usize),
}

/// The services, by their distance from a service that needs no other.
pub(crate) struct Layers(Vec<Vec<Item>>);

impl Layers {
    pub(crate) fn new() -> Self {
        let mut layers = Vec::new();
        let mut put = |depth: usize, item| {
            if layers.len() <= depth {
                layers.resize(depth + 1, Vec::new());
            }
            layers[depth].push(item);
        };
        for service in Service::ALL {
            put(depth(service), Item::Service(service));
        }
        for (at, line) in DEPENDENCIES.iter().enumerate() {
            for between in depth(line.on) + 1..depth(line.service) {
                put(between, Item::Line(at));
            }
        }
        let mut layers = Self(layers);
        layers.untangle();
        layers
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[Item]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Puts each item below or above the middle of what it is joined to, down and up
    /// a few times (Sugiyama, Tagawa and Toda, 1981).
    fn untangle(&mut self) {
        for _ in 0..12 {
            let last = self.0.len().saturating_sub(1);
            let down = (1..=last).map(|layer| (layer, layer - 1));
            let up = (0..last).rev().map(|layer| (layer, layer + 1));
            for (layer, beside) in down.chain(up) {
                let order = places(&self.0[beside], 1.0, (0.0, 1.0));
                let middle = |item: &Item| {
                    let joined = order.iter().filter(|(other, _, _)| joined(*item, *other));
                    let (sum, count) = joined.fold((0.0, 0.0), |(sum, count), (_, from, to)| {
                        (sum + f64::midpoint(*from, *to), count + 1.0)
                    });
                    if count > 0.0 { sum / count } else { 0.5 }
                };
                self.0[layer].sort_by(|a, b| middle(a).total_cmp(&middle(b)));
            }
        }
    }
}

/// How far a service is from one that needs no other.
fn depth(service: Service) -> usize {
    let needs = DEPENDENCIES.iter().filter(|it| it.service == service);
    needs.map(|it| depth(it.on) + 1).max().unwrap_or(0)
}

/// Whether a line leads from one item to the other, in whichever direction.
fn joined(a: Item, b: Item) -> bool {
    let ends = |line: usize| [DEPENDENCIES[line].service, DEPENDENCIES[line].on];
    match (a, b) {
        (Item::Service(a), Item::Service(b)) => {
            let joins =
                |it: &Dependency| [it.service, it.on] == [a, b] || [it.on, it.service] == [a, b];
            DEPENDENCIES.iter().any(joins)
        }
        (Item::Service(service), Item::Line(line)) | (Item::Line(line), Item::Service(service)) => {
            ends(line).contains(&service)
        }
        (Item::Line(a), Item::Line(b)) => a == b,
    }
}

/// From where to where each item of a layer is. `most` is how wide a box gets.
pub(crate) fn places(
    layer: &[Item],
    most: f64,
    (left, right): (f64, f64),
) -> Vec<(Item, f64, f64)> {
    let share = |item: &Item| {
        if matches!(item, Item::Service(_)) {
            1.0
        } else {
            THREAD
        }
    };
    let shares: f64 = layer.iter().map(share).sum();
    let unit = ((right - left) / shares.max(1.0)).min(most);
    let mut x = f64::midpoint(left, right) - unit * shares / 2.0;
    let place = |item: &Item| {
        let from = x;
        x += unit * share(item);
        (*item, from, x)
    };
    layer.iter().map(place).collect()
}
