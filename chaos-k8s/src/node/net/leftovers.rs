//! What dead runs left in a namespace, found by the marks on it.

use std::collections::BTreeSet;
use std::fs::File;

use chaos_core::Result;
use chaos_core::ledger::RunId;

use super::NetUndo;
use super::kernel::{Family, Kernel, Side};
use super::marks;
use super::presence;
use crate::node::namespace::Origin;
use crate::node::netns;
use crate::node::sweep::Found;

/// Takes away what is marked by runs that do not live here; for each run with marks, what came of it.
pub(crate) fn sweep(namespace: &File, origin: &Origin, name: &str) -> Result<Vec<Found>> {
    let id = netns::NetnsId::of(namespace)?;
    netns::inside(namespace, || {
        let mut kernel = Kernel::here()?;
        let (runs, nameless) = marked(&mut kernel)?;
        // After the marks were seen: a run shows before it leaves its first.
        let living = presence::living_here()?;
        let mut found = Vec::new();
        for run in runs {
            let what = format!("run {run} in {name}");
            if living.contains(&run) {
                found.push(Found::living(what));
            } else {
                found.push(Found::dead(what, NetUndo::of_run(id, origin.clone(), run).sweep()));
            }
        }
        for (link, device) in nameless {
            let what = format!("device {device} in {name}");
            if living.iter().any(|run| marks::Marks::of(*run).is_named(&device)) {
                found.push(Found::living(what));
            } else {
                found.push(Found::dead(what, kernel.delete_link(link)));
            }
        }
        Ok(found)
    })
}

/// Devices by number and name.
type Devices = Vec<(u32, String)>;

/// The runs that have marks here, and the devices of ours that do not say whose they are: their maker died between two
/// messages.
fn marked(kernel: &mut Kernel) -> Result<(BTreeSet<RunId>, Devices)> {
    let ours = kernel.links_of_group(marks::GROUP)?;
    let mut runs = BTreeSet::new();
    for family in [Family::Netdev, Family::Inet] {
        let tables = kernel.tables(family)?;
        // The kernel takes the others with their run.
        let plain = tables.iter().filter(|table| !table.is_owned);
        runs.extend(plain.filter_map(|table| table.name.strip_prefix(marks::TABLE)?.parse::<RunId>().ok()));
    }
    let mut nameless = Vec::new();
    for link in kernel.links()? {
        for side in [Side::Egress, Side::Ingress] {
            runs.extend(kernel.filters(link.index, side)?.iter().filter_map(marks::run_of_filter));
        }
        match marks::run_of(&link) {
            Some(run) => drop(runs.insert(run)),
            None if ours.contains(&link.index) && marks::is_nameless(&link) => {
                nameless.push((link.index, link.name));
            }
            None => {}
        }
    }
    Ok((runs, nameless))
}
