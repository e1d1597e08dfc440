//! The messages of this layer, as a kernel takes them, in a namespace that is thrown away.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use super::nft::expr::{Header, Meta, Op, Reg, Reject};
use super::*;
use crate::node::sys::bpf;

/// `work` in a fresh namespace; not at all without the rights.
fn in_fresh_namespace(work: impl FnOnce(&mut Kernel) + Send) {
    netns::in_a_fresh_one(|| {
        work(&mut Kernel::here()?);
        Ok(())
    });
}

#[test]
fn a_tree_of_classes_is_what_was_sent() {
    in_fresh_namespace(|kernel| {
        let ifb = kernel.add_ifb("chaosabcdef", 51_717, "chaos:a-run").unwrap();
        let link = kernel.links().unwrap().into_iter().find(|link| link.index == ifb).unwrap();
        assert_eq!(link.kind.as_deref(), Some("ifb"));
        assert_eq!(link.alias.as_deref(), Some("chaos:a-run"));
        assert!(link.is_up);
        assert_eq!(kernel.links_of_group(51_717).unwrap(), [ifb]);

        let root = Handle::new(0xca05, 0);
        let htb = Qdisc { handle: root, parent: Handle::ROOT, kind: Kind::Htb { direct_packets: 10_000 } };
        kernel.put_qdisc(ifb, &htb).unwrap();
        let class = Class {
            handle: Handle::new(0xca05, 0x10),
            parent: root,
            rate: 12_500_000_000,
            ceil: 12_500_000_000,
            burst: 1 << 20,
        };
        kernel.put_class(ifb, &class).unwrap();
        let leaf = Qdisc {
            handle: Handle::new(0xc010, 0),
            parent: class.handle,
            kind: Kind::Bytes { limit: 65_536 },
        };
        kernel.put_qdisc(ifb, &leaf).unwrap();
        let found = kernel.qdiscs(ifb).unwrap();
        assert!(found.contains(&htb) && found.contains(&leaf), "{found:?}");
        let classes = kernel.classes(ifb).unwrap();
        assert_eq!(classes.len(), 1);
        assert_eq!((classes[0].rate, classes[0].ceil), (class.rate, class.ceil));

        kernel.delete_class(ifb, class.handle).unwrap();
        kernel.delete_class(ifb, class.handle).unwrap();
        kernel.delete_link(ifb).unwrap();
        kernel.delete_link(ifb).unwrap();
        let error = kernel.put_qdisc(ifb, &htb).unwrap_err();
        assert!(error.to_string().contains("qdisc ca05:0 at root"), "{error}");
    });
}

#[test]
fn a_table_is_owned_and_ends_with_its_socket() {
    in_fresh_namespace(|kernel| {
        let mut own = Kernel::here().unwrap();
        let table = Table::new(Family::Netdev, "chaos-test").unwrap();
        let inet = Table::new(Family::Inet, "chaos-test").unwrap();
        let peers = Set::of_ranges("peers", Data::Ipv4).unwrap();
        let six = Set::of_ranges("six", Data::Ipv6).unwrap();
        let ports = Set::of_ranges("ports", Data::Port).unwrap();
        let steps = Set::map("steps", Data::ClassId, Data::ClassId).unwrap();
        let ways = Set::map("ways", Data::ClassId, Data::Way).unwrap();
        let lo = CString::new("lo").unwrap();
        let mut batch = Batch::new();
        batch.own_table(&table).own_table(&inet);
        for (number, set) in [&peers, &six, &ports, &steps, &ways].into_iter().enumerate() {
            batch.set(&table, set, number as u32 + 1);
        }
        let key = |n: u32| n.to_ne_bytes().to_vec();
        batch
            .ranges(
                &table,
                &peers,
                &[(vec![10, 0, 0, 0], vec![10, 255, 255, 255]), (vec![255; 4], vec![255; 4])],
            )
            .ranges(&table, &six, &[(vec![0; 16], vec![255; 16])])
            .ranges(&table, &ports, &[(vec![0, 80], vec![0, 90])])
            .elements(&table, &steps, &[(key(1), key(2)), (key(3), key(4))])
            .elements(&table, &ways, &[(key(1), [key(2), key(3)].concat())]);
        batch.chain(&table, "act", None).unwrap();
        batch.chain(&table, "out", Some((&Hook::Egress { device: lo.clone() }, 300))).unwrap();
        batch.chain(&table, "in", Some((&Hook::Ingress { device: lo }, 0))).unwrap();
        batch.chain(&inet, "output", Some((&Hook::Output, 0))).unwrap();
        let network = |offset, length| Expr::Payload { header: Header::Network, offset, length };
        let act = [
            vec![Expr::Counter],
            vec![
                Expr::Meta(Meta::Priority),
                Expr::Map(steps.name.clone()),
                Expr::SetMeta(Meta::Priority, Reg::A),
            ],
            vec![
                Expr::Meta(Meta::Priority),
                Expr::Map(ways.name.clone()),
                Expr::SetMeta(Meta::Priority, Reg::A),
                Expr::Forward(Reg::B),
            ],
            vec![
                Expr::Random { below: 1_000_000 },
                Expr::BigEndian,
                Expr::Cmp(Op::Less, 7_u32.to_be_bytes().to_vec()),
                Expr::Verdict(Verdict::Drop),
            ],
            vec![
                Expr::Meta(Meta::Priority),
                Expr::Mask(0xffff_0000_u32.to_ne_bytes()),
                Expr::Cmp(Op::Equal, key(0xca05_0000)),
                Expr::Load([0; 4]),
                Expr::SetMeta(Meta::Priority, Reg::A),
            ],
        ];
        for rule in act {
            batch.rule(&table, "act", &rule).unwrap();
        }
        batch
            .rule(
                &table,
                "out",
                &[
                    Expr::Meta(Meta::Protocol),
                    Expr::Cmp(Op::Equal, vec![8, 0]),
                    network(16, 4),
                    Expr::In(peers.name.clone()),
                    Expr::Meta(Meta::Layer4),
                    Expr::Cmp(Op::Equal, vec![6]),
                    Expr::Payload { header: Header::Transport, offset: 2, length: 2 },
                    Expr::In(ports.name.clone()),
                    Expr::jump(c"act"),
                ],
            )
            .unwrap();
        batch
            .rule(
                &inet,
                "output",
                &[
                    Expr::Meta(Meta::Family),
                    Expr::Cmp(Op::Equal, vec![2]),
                    Expr::Reject(Reject::HostUnreachable),
                ],
            )
            .unwrap();
        batch
            .rule(
                &inet,
                "output",
                &[Expr::Meta(Meta::Layer4), Expr::Cmp(Op::Equal, vec![6]), Expr::Reject(Reject::TcpReset)],
            )
            .unwrap();
        own.commit(batch).unwrap();
        let tables = kernel.tables(Family::Netdev).unwrap();
        assert_eq!(tables.len(), 1);
        assert!(tables[0].name == "chaos-test" && tables[0].is_owned);
        let chains = kernel.chains(Family::Netdev).unwrap();
        assert_eq!(chains.iter().filter(|chain| chain.devices == ["lo"]).count(), 2, "{chains:?}");
        assert_eq!(kernel.counters(&table, c"act").unwrap(), [0]);
        assert_eq!(kernel.sets(&table).unwrap().len(), 5);

        // Nobody else may touch it.
        let mut batch = Batch::new();
        batch.delete_table(&table);
        assert!(kernel.commit(batch).unwrap_err().is_refused());

        // One wrong message, and nothing of the transaction happens; the error names it.
        let mut batch = Batch::new();
        batch.remove(&table, &steps, &[key(1)]);
        batch.rule(&table, "act", &[Expr::jump(c"nowhere")]).unwrap();
        let error = own.commit(batch).unwrap_err();
        assert!(error.to_string().contains("adding a rule to the chain act"), "{error}");
        let mut batch = Batch::new();
        batch.remove(&table, &steps, &[key(1)]);
        batch.flush(&table, "out").unwrap().delete_chain(&table, "out").unwrap();
        batch.flush(&table, "act").unwrap().delete_chain(&table, "act").unwrap().delete_set(&table, &peers);
        own.commit(batch).unwrap();

        drop(own);
        assert!(kernel.tables(Family::Netdev).unwrap().is_empty());
        assert!(kernel.tables(Family::Inet).unwrap().is_empty());
    });
}

#[test]
fn a_timed_key_goes_by_itself_and_is_renewed_before() {
    use std::thread::sleep;
    use std::time::Duration;
    const SHORT: Duration = Duration::from_millis(400);
    const LONG: Duration = Duration::from_secs(600);
    in_fresh_namespace(|kernel| {
        let table = Table::new(Family::Inet, "chaos-test").unwrap();
        let set = Set::timed("in-force", Data::Mark).unwrap();
        let key = |number: u32| number.to_ne_bytes().to_vec();
        let mut batch = Batch::new();
        batch.own_table(&table).set(&table, &set, 1);
        batch.timed(&table, &set, &[(key(1), SHORT), (key(2), SHORT), (key(3), LONG)]);
        batch.chain(&table, "output", Some((&Hook::Output, 0))).unwrap();
        let rule = [Expr::Load(1_u32.to_ne_bytes()), Expr::In(set.name.clone()), Expr::Counter];
        batch.rule(&table, "output", &rule).unwrap();
        kernel.commit(batch).unwrap();
        let times = kernel.times(&table, &set).unwrap();
        assert_eq!(times.len(), 3, "{times:?}");
        assert!(times[&key(1)] <= SHORT && times[&key(3)] > LONG / 2, "{times:?}");
        let mut batch = Batch::new();
        batch.renew(&table, &set, &key(2), LONG);
        kernel.commit(batch).unwrap();
        sleep(SHORT * 2);
        let times = kernel.times(&table, &set).unwrap();
        assert_eq!(times.keys().collect::<Vec<_>>(), [&key(2), &key(3)]);
        assert!(times[&key(2)] > LONG / 2, "{times:?}");
        // What is out does not come back, and the error tells.
        let mut batch = Batch::new();
        batch.renew(&table, &set, &key(1), LONG);
        let error = kernel.commit(batch).unwrap_err();
        assert!(is_out(&error), "{error:?}");
        assert_eq!(kernel.times(&table, &set).unwrap().len(), 2);
    });
}

/// Whether programs of BPF can be loaded; where root is demanded, they must be.
fn program(code: &[bpf::Instruction]) -> Option<OwnedFd> {
    match bpf::load(code) {
        Ok(program) => Some(program),
        Err(refused) => {
            let demanded = std::env::var("CHAOS_REQUIRE").unwrap_or_default();
            assert!(!demanded.split(',').any(|what| what == "root"), "{refused}");
            println!("not run: no programs of BPF ({refused})");
            None
        }
    }
}

#[test]
fn filters_stand_beside_those_of_others_and_go_one_by_one() {
    in_fresh_namespace(|kernel| {
        const LO: u32 = 1;
        // Returns -1: to the next filter, or for one that redirects, "this one".
        let code = [bpf::Instruction::new(0xb7, 0, 0, 0, -1), bpf::Instruction::new(0x95, 0, 0, 0, 0)];
        let Some(program) = program(&code) else { return };
        let ifb = kernel.add_ifb("chaosabcdef", 7, "chaos:a-run").unwrap();
        assert_eq!(kernel.clsact(LO).unwrap(), Clsact::None);
        assert!(kernel.filters(LO, Side::Egress).unwrap().is_empty());
        assert!(kernel.add_clsact(LO).unwrap());
        assert!(!kernel.add_clsact(LO).unwrap());
        assert_eq!(kernel.clsact(LO).unwrap(), Clsact::Both);

        let filter = |preference, name, to| Filter { preference, name, program: program.as_fd(), to };
        kernel.add_filter(LO, Side::Egress, &filter(1, "pick", None)).unwrap();
        kernel.add_filter(LO, Side::Egress, &filter(2, "to a", Some(ifb))).unwrap();
        kernel.add_filter(LO, Side::Egress, &filter(2, "to b", Some(ifb))).unwrap();
        kernel.add_filter(LO, Side::Ingress, &filter(1, "pick", None)).unwrap();
        let named = |kernel: &mut Kernel, side| -> Vec<_> {
            let found = kernel.filters(LO, side).unwrap();
            let found = found.into_iter().filter(FoundFilter::is_one);
            found.map(|filter| (filter.preference, filter.name.unwrap())).collect()
        };
        let pair = |preference, name: &str| (preference, name.to_owned());
        assert_eq!(named(kernel, Side::Egress), [pair(1, "pick"), pair(2, "to b"), pair(2, "to a")]);
        assert_eq!(named(kernel, Side::Ingress), [pair(1, "pick")]);

        let found = kernel.filters(LO, Side::Egress).unwrap();
        let a = found.iter().find(|filter| filter.name.as_deref() == Some("to a")).unwrap();
        kernel.delete_filter(LO, Side::Egress, a).unwrap();
        kernel.delete_filter(LO, Side::Egress, a).unwrap();
        assert_eq!(named(kernel, Side::Egress), [pair(1, "pick"), pair(2, "to b")]);
        kernel.delete_clsact(LO).unwrap();
        kernel.delete_clsact(LO).unwrap();
        kernel.delete_filter(LO, Side::Egress, a).unwrap();
        let error = kernel.add_filter(LO, Side::Egress, &filter(1, "pick", None)).unwrap_err();
        assert!(error.to_string().contains("the filter pick"), "{error}");
    });
}
