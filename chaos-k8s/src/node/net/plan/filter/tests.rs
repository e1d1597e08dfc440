//! The programs on packets that a kernel might hand them.

use super::machine::{End, run};
use super::*;
use crate::node::net::plan::{Cell, Meeting, Ours, Picked, Taps};
use crate::node::net::rule::{AnyEffect, Effect, Flow};

/// The program of one rule that drops what leaves by device 1.
fn dropping(flow: &Flow) -> Picking {
    let cell = Cell { link: 1, way: Way::Out, device: c"eth1".to_owned() };
    let rule = Active {
        id: RuleId(1),
        effect: AnyEffect::Data(Effect::Drop),
        act: Act::Drop,
        meetings: vec![Meeting::new(flow)],
        cells: BTreeSet::from([cell]),
    };
    let (combinations, tree) = (Combinations::default(), Tree::default());
    let (links, taps, crowded) = (BTreeMap::new(), Taps::default(), BTreeSet::new());
    let ours = Ours { links: &links, taps: &taps };
    let site = Site { picked: Picked::default(), ours, crowded: &crowded };
    let picking =
        picking(&[rule], Way::Out, &combinations, &BTreeMap::new(), &tree, site, &mut Numbering::default());
    picking.unwrap().unwrap()
}

fn is_dropped(picking: &Picking, ethertype: u16, packet: &[u8]) -> bool {
    match run(picking, 1, ethertype, packet, (0, 0), &BTreeSet::new()).result {
        STOLEN => true,
        NEXT => false,
        other => panic!("{other}"),
    }
}

/// A header of IPv6 without addresses.
fn v6(next: u8) -> Vec<u8> {
    [&[0x60, 0, 0, 0, 0, 0, next, 64], &[9; 32][..]].concat()
}

#[test]
fn ports_are_found_behind_every_header_of_v6() {
    const TO_5432: [u8; 4] = [0x80, 0, 0x15, 0x38];
    let picking = dropping(&Flow::all().port(5432).unwrap().tcp());
    let options = |next: u8, words: u8| [vec![next, words], vec![0; 6 + 8 * usize::from(words)]].concat();
    let authentication =
        |next: u8, words: u8| [vec![next, words], vec![0; 6 + 4 * usize::from(words)]].concat();
    let fragment = |next: u8, offset: u16| {
        [vec![next, 0], (offset << 3 | 1).to_be_bytes().to_vec(), vec![0; 4]].concat()
    };
    let met = |parts: &[Vec<u8>]| is_dropped(&picking, 0x86dd, &[parts.concat(), vec![0; 16]].concat());
    let tcp = || TO_5432.to_vec();
    assert!(met(&[v6(6), tcp()]));
    assert!(met(&[v6(0), options(6, 0), tcp()]));
    assert!(met(&[v6(0), options(60, 3), options(43, 0), options(6, 2), tcp()]));
    assert!(met(&[v6(51), authentication(6, 4), tcp()]));
    assert!(met(&[v6(44), fragment(6, 0), tcp()]));
    assert!(!met(&[v6(44), fragment(6, 185), tcp()]), "a later fragment has no ports");
    assert!(!met(&[v6(0), options(17, 0), tcp()]));
    assert!(!met(&[v6(59), tcp()]));
    let many: Vec<Vec<u8>> = [vec![v6(0)], vec![options(0, 0); 7], vec![options(6, 0), tcp()]].concat();
    assert!(!met(&many), "nobody sends as many headers");
    // Without ports a later fragment is met as the first is.
    let all = dropping(&Flow::all().tcp());
    assert!(is_dropped(&all, 0x86dd, &[v6(44), fragment(6, 185), tcp()].concat()));
}

#[test]
fn ports_of_v4_are_behind_its_options_and_in_the_first_fragment_only() {
    let picking = dropping(&Flow::all().port(53).unwrap().udp());
    let packet = |words: u8, fragment: u16| {
        let mut header = vec![0; 4 * usize::from(words)];
        (header[0], header[9]) = (0x40 | words, 17);
        header[6..8].copy_from_slice(&fragment.to_be_bytes());
        [header, vec![0x80, 0, 0, 53, 0, 8, 0, 0]].concat()
    };
    for words in 5..=15 {
        assert!(is_dropped(&picking, 0x0800, &packet(words, 0)), "{words}");
    }
    assert!(is_dropped(&picking, 0x0800, &packet(5, 0x2000)), "the first of several");
    assert!(!is_dropped(&picking, 0x0800, &packet(5, 0x2007)), "one behind it");
    let cut = &packet(5, 0)[..21];
    assert!(!is_dropped(&picking, 0x0800, cut) && !is_dropped(&picking, 0x0800, &cut[..12]));
    // ARP, and another device.
    let all = dropping(&Flow::all());
    assert!(is_dropped(&all, 0x0800, &packet(5, 0)) && !is_dropped(&all, 0x0806, &packet(5, 0)));
    assert_eq!(
        run(&all, 2, 0x0800, &packet(5, 0), (7, 0), &BTreeSet::new()),
        End { result: NEXT, priority: 7, note: None }
    );
}

#[test]
fn neighbour_discovery_is_left_alone() {
    let picking = dropping(&Flow::all().icmp().unwrap());
    for (kind, met) in [(1, true), (132, true), (133, false), (135, false), (137, false), (138, true)] {
        let packet = [v6(58), vec![kind, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(is_dropped(&picking, 0x86dd, &packet), met, "{kind}");
    }
}

#[test]
fn many_networks_are_a_map() {
    let dropping_some = |count| {
        let nets: Vec<String> = (0..count).map(|number| format!("10.0.{number}.128/25")).collect();
        dropping(&Flow::peers(nets.iter().map(String::as_str)).unwrap())
    };
    let picking = dropping_some(200);
    assert_eq!(picking.prefixes["flow1-0-v4"].list.len(), 200);
    assert_eq!(picking.code, dropping_some(5).code);
    assert!(dropping_some(3).prefixes.is_empty());
    let packet = |address: [u8; 4]| [vec![0x45, 0, 0, 20], vec![0; 12], address.to_vec()].concat();
    assert!(is_dropped(&picking, 0x0800, &packet([10, 0, 7, 200])));
    assert!(!is_dropped(&picking, 0x0800, &packet([10, 0, 7, 100])));
    assert!(!is_dropped(&picking, 0x0800, &packet([10, 0, 200, 200])));
}

#[test]
fn what_comes_back_is_not_asked_for_again() {
    let picking = sample().unwrap();
    let (class, back) = picking.returns.iter().next().unwrap();
    assert_eq!(*back, Return { link: 1, note: note(0) });
    let packet = [vec![0x45, 0, 0, 20], vec![0; 16]].concat();
    // The number of the device of ours that the sample has.
    const OURS: u32 = 2;
    let end =
        |priority, came_from| run(&picking, 1, 0x0800, &packet, (priority, came_from), &BTreeSet::new());
    assert_eq!(end(class.0, OURS), End { result: NEXT, priority: class.0, note: Some(note(0)) });
    // Of a class that drains; and a priority like ours from elsewhere, which is forgotten.
    let unknown = Handle::new(MAJOR, 0xfff0).0;
    assert_eq!(end(unknown, OURS), End { result: NEXT, priority: unknown, note: None });
    assert_eq!(end(class.0, 9), End { result: NEXT, priority: 0, note: None });
    // Where filters of others stand behind, they are asked.
    let mut crowded = picking.clone();
    crowded.returns.values_mut().for_each(|back| back.note = 0);
    let end = run(&crowded, 1, 0x0800, &packet, (class.0, OURS), &BTreeSet::new());
    assert_eq!(end, End { result: NEXT, priority: class.0, note: None });
    // From a device above.
    crowded.returns.values_mut().for_each(|back| back.link = 7);
    let end = run(&crowded, 1, 0x0800, &packet, (class.0, OURS), &BTreeSet::new());
    assert_eq!(end, End { result: NEXT, priority: 0, note: None });
}

#[test]
fn a_rule_whose_time_is_over_does_nothing() {
    let picking = dropping(&Flow::all());
    let packet = [vec![0x45, 0, 0, 20], vec![0; 16]].concat();
    let result =
        |over: &[RuleId]| run(&picking, 1, 0x0800, &packet, (0, 0), &over.iter().copied().collect()).result;
    assert_eq!((result(&[]), result(&[RuleId(1)])), (STOLEN, NEXT));
}
