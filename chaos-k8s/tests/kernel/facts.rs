//! Facts of the kernel, one test each.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use chaos_core::{Chaos, Target};
use chaos_k8s::Node;
use netlink_bindings::nftables::{self, Nfgenmsg, TableFlags};
use netlink_bindings::tc::{self, TcNetemQopt, Tcmsg};
use netlink_socket2::NetlinkSocket;

use crate::support::{Need, Scratch, Test, interfaces};

pub(crate) const TESTS: &[Test] = &[
    ("a_namespace_of_its_own_has_lo_and_is_not_protected", &[Need::Root], namespace),
    ("netem_delays_what_leaves_an_interface", &[Need::Root, Need::Netem], netem),
    ("an_owned_table_goes_with_its_socket", &[Need::Root, Need::Nft], owned_table),
];

fn namespace() {
    let scratch = Scratch::new();
    let node = Node::new(&Chaos::seeded(1));
    let target = node.namespace_at(scratch.path()).unwrap();
    assert_ne!(target.id(), node.own_namespace().unwrap().id());
    assert_eq!(target.protected(), None);
    let inside = scratch.inside(|| Node::new(&Chaos::seeded(1)).own_namespace().unwrap().id());
    assert_eq!(inside, target.id());
    assert!(scratch.inside(interfaces).contains(&"lo".to_owned()));
}

fn netem() {
    const DELAY: Duration = Duration::from_millis(50);
    Scratch::new().inside(|| {
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        there.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let one_way = || {
            let since = Instant::now();
            here.send_to(b"x", there.local_addr().unwrap()).unwrap();
            assert_eq!(there.recv(&mut [0; 8]).unwrap(), 1);
            since.elapsed()
        };
        one_way();
        let header = Tcmsg { ifindex: 1, parent: u32::MAX, ..Tcmsg::new() };
        let mut request = tc::Request::new().set_create().op_newqdisc_do(&header);
        let delay = TcNetemQopt { limit: 1000, ..TcNetemQopt::new() };
        let nanoseconds = i64::try_from(DELAY.as_nanos()).unwrap();
        request.encode().nested_options_netem(&delay).push_latency64(nanoseconds);
        NetlinkSocket::new().request(&request).unwrap().recv_ack().unwrap();
        assert!(one_way() >= DELAY);
    });
}

fn owned_table() {
    Scratch::new().inside(|| {
        let mut owner = NetlinkSocket::new();
        let mut batch = nftables::Chained::new(owner.reserve_seq(8));
        let mut frame = Nfgenmsg::new();
        frame.set_res_id(10); // NFNL_SUBSYS_NFTABLES
        batch.request().op_batch_begin_do(&frame);
        let inet = Nfgenmsg { nfgen_family: 1, ..Nfgenmsg::new() }; // NFPROTO_INET
        let mut table = batch.request().set_create().op_newtable_do(&inet);
        table.encode().push_name(c"chaos-fact").push_flags(TableFlags::Owner as u32);
        drop(table);
        batch.request().op_batch_end_do(&frame);
        owner.request_chained(&batch.finalize()).unwrap().recv_all().unwrap();
        let tables = || {
            let mut other = NetlinkSocket::new();
            let mut reply =
                other.request(&nftables::Request::new().op_gettable_dump(&Nfgenmsg::new())).unwrap();
            let mut found = 0;
            while let Some(table) = reply.recv() {
                table.unwrap();
                found += 1;
            }
            found
        };
        assert_eq!(tables(), 1);
        drop(owner);
        // The kernel takes the table away from a work queue.
        let since = Instant::now();
        while tables() > 0 {
            assert!(since.elapsed() < Duration::from_secs(20), "the table outlives its owner");
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}
