//! The services in layers. A service that needs no other is on top. Each other service is
//! one layer below the lowest service that it needs.

use ::cascade::{DEPENDENCIES, Dependency, Service};

/// The services, by their longest path to a service that needs no other.
pub(crate) struct Layers(Vec<Vec<Service>>);

impl Layers {
    pub(crate) fn new() -> Self {
        let mut layers = Vec::new();
        for service in Service::ALL {
            let depth = depth(service);
            if layers.len() <= depth {
                layers.resize(depth + 1, Vec::new());
            }
            layers[depth].push(service);
        }
        let mut layers = Self(layers);
        layers.untangle();
        layers
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[Service]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Sorts each layer by the mean place of the services in the layer above, then below,
    /// that each service is joined to. A few rounds reduce crossing arrows (Sugiyama,
    /// Tagawa and Toda, 1981).
    fn untangle(&mut self) {
        for _ in 0..12 {
            let last = self.0.len().saturating_sub(1);
            let down = (1..=last).map(|layer| (layer, layer - 1));
            let up = (0..last).rev().map(|layer| (layer, layer + 1));
            for (layer, beside) in down.chain(up) {
                let order = places(&self.0[beside], 1.0, (0.0, 1.0));
                let middle = |service: &Service| {
                    let joined = order.iter().filter(|(other, ..)| joined(*service, *other));
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

/// The length of the longest path from a service to one that needs no other.
fn depth(service: Service) -> usize {
    let needs = DEPENDENCIES.iter().filter(|it| it.service == service);
    needs.map(|it| depth(it.on) + 1).max().unwrap_or(0)
}

/// Whether the needed service is in the layer just above.
pub(crate) fn is_near(dependency: &Dependency) -> bool {
    depth(dependency.service) == depth(dependency.on) + 1
}

/// Whether one of the two services needs the other.
fn joined(a: Service, b: Service) -> bool {
    let joins = |it: &Dependency| [it.service, it.on] == [a, b] || [it.on, it.service] == [a, b];
    DEPENDENCIES.iter().any(joins)
}

/// The left and right edge of each service of a layer. `most` is the largest width of a
/// box.
pub(crate) fn places(
    layer: &[Service],
    most: f64,
    (left, right): (f64, f64),
) -> Vec<(Service, f64, f64)> {
    let count = layer.iter().map(|_| 1.0).sum::<f64>();
    let wide = ((right - left) / count.max(1.0)).min(most);
    let mut x = f64::midpoint(left, right) - wide * count / 2.0;
    let place = |service: &Service| {
        let from = x;
        x += wide;
        (*service, from, x)
    };
    layer.iter().map(place).collect()
}
