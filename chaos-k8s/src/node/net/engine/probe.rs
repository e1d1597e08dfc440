//! What this kernel can do, found out in a namespace that is thrown away: the target is not touched.

use std::thread;

use caps::{CapSet, Capability};
use chaos_core::{Error, Result};
use nix::sched::{CloneFlags, unshare};

use crate::node::net::kernel::expr::{Meta, Op, Reg, Reject};
use crate::node::net::kernel::{
    Batch, Class, Expr, Family, Handle, Hook, Kernel, Kind, NetemOptions, Qdisc, Table,
};
use crate::node::net::plan::{Act, ROOT, act};
use crate::node::net::rule::{Effect, NetRule};

/// Refuses who may not change networks.
pub(super) fn check_rights() -> Result<()> {
    let has = caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN)
        .map_err(|source| Error::failed("the rights of this program cannot be read").with_source(source))?;
    if has { Ok(()) } else { Err(Error::refused("network faults need CAP_NET_ADMIN: run with it")) }
}

/// What was tried, and what the kernel said to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Abilities {
    owned: Lack,
    egress: Lack,
    ingress: Lack,
    refuse: Lack,
    ifb: Lack,
    htb: Lack,
    netem: Lack,
}

/// Why something is not there; none if it is, or if it could not be tried.
type Lack = Option<String>;

impl Abilities {
    /// Tries everything. Without the right to make a namespace nothing is known, and nothing is refused beforehand.
    pub(super) fn of_this_kernel() -> Self {
        let tried = thread::scope(|scope| {
            let all = scope.spawn(|| -> Result<Self> {
                unshare(CloneFlags::CLONE_NEWNET).map_err(std::io::Error::from)?;
                Self::here(&mut Kernel::here()?)
            });
            all.join().ok().and_then(Result::ok)
        });
        tried.unwrap_or_default()
    }

    fn here(kernel: &mut Kernel) -> Result<Self> {
        let table = Table::new(Family::Netdev, "chaos-probe")?;
        let inet = Table::new(Family::Inet, "chaos-probe")?;
        let lo = c"lo".to_owned();
        let chain = |kernel: &mut Kernel, hook: Hook| {
            let mut batch = Batch::new();
            batch.chain(&table, "probe", Some((&hook, 0)))?;
            batch.rule(
                &table,
                "probe",
                &[
                    Expr::Random { below: 2 },
                    Expr::BigEndian,
                    Expr::Cmp(Op::Less, vec![0; 4]),
                    Expr::SetMeta(Meta::Priority, Reg::A),
                    Expr::Forward(Reg::A),
                ],
            )?;
            kernel.commit(batch)?;
            let mut batch = Batch::new();
            batch.flush(&table, "probe")?.delete_chain(&table, "probe")?;
            kernel.commit(batch)
        };
        let owned = {
            let mut batch = Batch::new();
            batch.own_table(&table).own_table(&inet);
            lack(kernel.commit(batch))
        };
        let refuse = {
            let mut batch = Batch::new();
            batch.chain(&inet, "probe", Some((&Hook::Output, 0)))?;
            batch.rule(&inet, "probe", &[Expr::Reject(Reject::Prohibited)])?;
            lack(kernel.commit(batch))
        };
        let ifb = kernel.add_ifb("chaosprobe", "chaos:probe");
        let htb = ifb.as_ref().map_or(Ok(()), |link| {
            let root = Qdisc { handle: ROOT, parent: Handle::ROOT, kind: Kind::Htb { direct_packets: 1 } };
            kernel.put_qdisc(*link, &root)?;
            let handle = Handle::new(ROOT.major(), 1);
            kernel.put_class(*link, &Class { handle, parent: ROOT, rate: 1, ceil: 1, burst: 1 })
        });
        let loopback = kernel.links()?.into_iter().find(|link| link.is_loopback).map_or(1, |link| link.index);
        let options = NetemOptions { limit: 1, ..NetemOptions::default() };
        let netem = Qdisc { handle: Handle::new(1, 0), parent: Handle::ROOT, kind: Kind::Netem(options) };
        Ok(Self {
            egress: lack(chain(kernel, Hook::Egress { device: lo.clone() })),
            ingress: lack(chain(kernel, Hook::Ingress { device: lo })),
            owned,
            refuse,
            ifb: lack(ifb.map(drop)),
            htb: lack(htb),
            netem: lack(kernel.put_qdisc(loopback, &netem)),
        })
    }

    /// Refuses what this kernel cannot do, by the name of what is missing.
    pub(super) fn check(&self, rule: &NetRule) -> Result<()> {
        rule.effect.check()?;
        let acts = act(&rule.effect);
        let siding = acts == Act::Siding;
        let hooks = !matches!(acts, Act::Refuse(_));
        let netem = siding && matches!(rule.effect, Effect::Netem(_));
        let needs = [
            (
                true,
                &self.owned,
                "owned tables of nf_tables: Linux 5.12 or later with the module nf_tables is needed",
            ),
            (
                hooks && rule.direction.is_out(),
                &self.egress,
                "the egress hook of nf_tables with `fwd` (nf_tables_netdev, nft_fwd_netdev): Linux 5.16 or later is needed for packets on \
                 their way out; packets on their way in work without",
            ),
            (
                hooks && rule.direction.is_in(),
                &self.ingress,
                "the ingress hook of nf_tables with `fwd`: the modules nf_tables_netdev and nft_fwd_netdev are needed",
            ),
            (!hooks, &self.refuse, "refusal by nf_tables: the module nft_reject_inet is needed"),
            (
                siding,
                &self.ifb,
                "devices of kind ifb: the module ifb is needed; drop, random loss and refusal work without",
            ),
            (
                siding,
                &self.htb,
                "the qdisc htb: the module sch_htb is needed; drop, random loss and refusal work without",
            ),
            (
                netem,
                &self.netem,
                "the qdisc netem: the module sch_netem is needed (package linux-modules-extra or kernel-modules-extra); drop, random loss, \
                 refusal and bandwidth work without",
            ),
        ];
        let missing = needs.into_iter().find_map(|(needed, lack, name)| {
            lack.as_ref().filter(|_| needed).map(|said| format!("this kernel does not have {name} ({said})"))
        });
        missing.map_or(Ok(()), |missing| Err(Error::refused(missing)))
    }
}

fn lack(tried: Result<()>) -> Lack {
    tried.err().map(|error| error.to_string())
}
