//! Each effect, as a program sees it that knows only files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::time::Instant;

use chaos_core::units::ms;
use chaos_core::{Delay, Rule};
use chaos_io::{
    Attributes, Io, IoKind, Keep, attributes, corrupt, disk_full, duplicate, eof, errno, error, fail_close,
    kind, latency, latency_after, lost_sync, misdirected_seek, offset, path, path_glob, pending_storm,
    replace_range, short, throttle, torn, torn_with_error,
};

use crate::Test;
use crate::scene::Scene;

pub(crate) const TESTS: &[Test] = &[
    ("an_errno_on_every_kind_of_operation", an_errno_on_every_kind),
    ("errors_by_kind_have_their_numbers", errors_by_kind),
    ("errnos_with_weights", errnos_with_weights),
    ("latency_before_and_after", latencies),
    ("only_the_path_that_is_meant", only_the_path),
    ("a_renamed_file_is_matched_by_its_new_name", renamed),
    ("short_reads_and_writes", short_transfers),
    ("torn_writes", torn_writes),
    ("corruption", corruption),
    ("a_full_disk", full_disk),
    ("attributes_that_are_not_the_files", other_attributes),
    ("lost_syncs_are_counted_and_not_done", lost_syncs),
    ("an_early_end_a_throttle_and_a_failed_close", the_rest),
    ("what_a_mount_cannot_do_is_refused", not_possible),
    ("the_same_seed_does_the_same", same_seed),
];

fn raw(err: &io::Error) -> i32 {
    err.raw_os_error().unwrap()
}

fn an_errno_on_every_kind() {
    let Some(scene) = Scene::new() else { return };
    let at = |name: &str| scene.file(name);
    fs::write(at("file"), "text").unwrap();
    fs::create_dir(at("dir")).unwrap();
    std::os::unix::fs::symlink("file", at("link")).unwrap();
    let open = OpenOptions::new().read(true).write(true).open(at("file")).unwrap();
    let file = at("file");
    type Act<'a> = Box<dyn Fn() -> io::Result<()> + 'a>;
    let acts: Vec<(IoKind, Act<'_>)> = vec![
        (IoKind::Stat, Box::new(|| fs::metadata(&file).map(drop))),
        (IoKind::Open, Box::new(|| File::open(&file).map(drop))),
        (IoKind::Create, Box::new(|| File::create(at("new")).map(drop))),
        (IoKind::Read, Box::new(|| open.read_at(&mut [0; 4], 0).map(drop))),
        (IoKind::Write, Box::new(|| open.write_at(b"x", 0).map(drop))),
        (IoKind::Sync, Box::new(|| open.sync_all())),
        (IoKind::Sync, Box::new(|| open.sync_data())),
        (IoKind::Sync, Box::new(|| File::open(at("dir"))?.sync_all())),
        (IoKind::SetAttr, Box::new(|| open.set_len(4))),
        (IoKind::SetAttr, Box::new(|| fs::set_permissions(&file, fs::Permissions::from_mode(0o600)))),
        (IoKind::List, Box::new(|| fs::read_dir(at("dir")).map(drop))),
        (IoKind::MakeDir, Box::new(|| fs::create_dir(at("made")))),
        (IoKind::Remove, Box::new(|| fs::remove_file(at("file")))),
        (IoKind::Remove, Box::new(|| fs::remove_dir(at("dir")))),
        (IoKind::Rename, Box::new(|| fs::rename(&file, at("moved")))),
        (IoKind::Link, Box::new(|| fs::hard_link(&file, at("linked")))),
        (IoKind::Link, Box::new(|| fs::read_link(at("link")).map(drop))),
        (IoKind::Seek, Box::new(|| Ok(rustix::fs::seek(&open, rustix::fs::SeekFrom::Hole(0)).map(drop)?))),
    ];
    for (which, act) in acts {
        for number in [5, 28, 13] {
            let (done, hits) = scene.under(errno(number).unwrap().when(kind(which)), &act);
            assert_eq!(done.map_err(|err| raw(&err)), Err(number), "{which}");
            assert!(hits > 0, "{which}");
        }
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "text", "nothing was done");
    assert_eq!(fs::read_dir(scene.at()).unwrap().count(), 3);
}

fn errors_by_kind() {
    let Some(scene) = Scene::new() else { return };
    fs::write(scene.file("file"), "text").unwrap();
    for (which, number) in [
        (io::ErrorKind::StorageFull, 28),
        (io::ErrorKind::PermissionDenied, 13),
        (io::ErrorKind::TimedOut, 110),
        (io::ErrorKind::Other, 5),
    ] {
        let (done, _) = scene.under(error(which).when(kind(IoKind::Open)), || File::open(scene.file("file")));
        assert_eq!(raw(&done.unwrap_err()), number, "{which}");
    }
}

/// One in two fails with EIO; of the others one in two with ENOSPC.
fn errnos_with_weights() {
    let Some(scene) = Scene::new() else { return };
    let file = File::create(scene.file("file")).unwrap();
    let with =
        |number| -> Rule<Io> { errno(number).unwrap().when(kind(IoKind::Write)).probability(0.5).unwrap() };
    let (eio, enospc) = (scene.point.arm(with(5)).unwrap(), scene.point.arm(with(28)).unwrap());
    let mut seen = std::collections::BTreeMap::<_, u64>::new();
    for _ in 0..400 {
        *seen.entry(file.write_at(b"x", 0).map_err(|err| raw(&err))).or_default() += 1;
    }
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [Ok(1), Err(5), Err(28)]);
    assert_eq!((seen[&Err(5)], seen[&Err(28)]), (eio.hits(), enospc.hits()));
    assert!((140..260).contains(&seen[&Err(5)]) && (60..150).contains(&seen[&Err(28)]), "{seen:?}");
}

fn latencies() {
    let Some(scene) = Scene::new() else { return };
    let file = File::create(scene.file("file")).unwrap();
    for rule in [latency(Delay::fixed(ms(60))), latency_after(Delay::fixed(ms(60)))] {
        let since = Instant::now();
        let (done, hits) = scene.under(rule.when(kind(IoKind::Sync)), || file.sync_all());
        assert!(done.is_ok() && hits == 1);
        assert!(since.elapsed() >= ms(60), "never sooner");
    }
}

fn only_the_path() {
    let Some(scene) = Scene::new() else { return };
    fs::create_dir(scene.file("wal")).unwrap();
    let glob = path_glob(&format!("{}/wal/**", scene.at().display())).unwrap() & kind(IoKind::Write);
    let _bad = scene.point.arm(errno(5).unwrap().when(glob)).unwrap();
    assert_eq!(raw(&fs::write(scene.file("wal/1"), "x").unwrap_err()), 5);
    assert!(fs::write(scene.file("data"), "x").is_ok());
    let one = path(scene.file("one")).unwrap() & kind(IoKind::Create);
    let _bad = scene.point.arm(errno(13).unwrap().when(one)).unwrap();
    assert_eq!(raw(&File::create(scene.file("one")).unwrap_err()), 13);
    assert!(File::create(scene.file("two")).is_ok());
}

fn renamed() {
    let Some(scene) = Scene::new() else { return };
    fs::create_dir(scene.file("dir")).unwrap();
    let file = File::create(scene.file("dir/old")).unwrap();
    fs::rename(scene.file("dir"), scene.file("moved")).unwrap();
    fs::rename(scene.file("moved/old"), scene.file("moved/new")).unwrap();
    let new = path(scene.file("moved/new")).unwrap() & kind(IoKind::Write);
    let (done, _) = scene.under(errno(5).unwrap().when(new), || file.write_at(b"x", 0));
    assert_eq!(raw(&done.unwrap_err()), 5);
}

fn short_transfers() {
    let Some(scene) = Scene::new() else { return };
    let mut file =
        OpenOptions::new().read(true).write(true).create_new(true).open(scene.file("file")).unwrap();
    let (written, _) = scene.under(short(7).unwrap(), || file.write(&[b'x'; 100]));
    assert_eq!(written.unwrap(), 7);
    assert_eq!(fs::read(scene.below("file")).unwrap(), [b'x'; 7]);
    file.write_all_at(&[b'y'; 100], 0).unwrap();
    let (read, _) = scene.under(short(7).unwrap(), || file.read_at(&mut [0; 100], 50));
    assert_eq!(read.unwrap(), 7);
    // A program that goes on as POSIX asks for gets all of it.
    let (all, hits) = scene.under(short(7).unwrap(), || fs::read(scene.file("file")));
    assert_eq!(all.unwrap(), [b'y'; 100]);
    assert!(hits >= 15);
}

fn torn_writes() {
    let Some(scene) = Scene::new() else { return };
    let mut file = File::create(scene.file("file")).unwrap();
    let (written, _) = scene.under(torn(Keep::bytes(4)), || file.write(b"0123456789"));
    assert_eq!(written.unwrap(), 10, "acknowledged");
    assert_eq!(fs::read(scene.below("file")).unwrap(), b"0123");
    let rule = torn_with_error(Keep::bytes(6), io::ErrorKind::StorageFull);
    let (written, _) = scene.under(rule, || file.write_at(b"abcdefghij", 0));
    assert_eq!(raw(&written.unwrap_err()), 28);
    assert_eq!(fs::read(scene.below("file")).unwrap(), b"abcdef");
}

fn corruption() {
    let Some(scene) = Scene::new() else { return };
    let path = scene.file("file");
    fs::write(&path, [0; 10_000]).unwrap();
    let reads = kind(IoKind::Read);
    let (read, _) = scene.under(corrupt(0.01).unwrap().when(reads.clone()), || fs::read(&path).unwrap());
    let changed = read.iter().filter(|byte| **byte != 0).count();
    assert!((40..200).contains(&changed) && read.len() == 10_000, "{changed}");
    assert!(fs::read(&path).unwrap().iter().all(|byte| *byte == 0), "on its way, not in the file");
    let (read, _) =
        scene.under(replace_range(5000, "wrong").unwrap().when(reads), || fs::read(&path).unwrap());
    assert_eq!(&read[4999..5006], b"\0wrong\0");
    let writes = kind(IoKind::Write) & offset(..4096).unwrap();
    scene.under(replace_range(3, "wrong").unwrap().when(writes), || fs::write(&path, "0123456789").unwrap());
    assert_eq!(fs::read_to_string(scene.below("file")).unwrap(), "012wrong89");
}

fn full_disk() {
    let Some(scene) = Scene::new() else { return };
    let mut file = File::create(scene.file("file")).unwrap();
    let full = scene.point.arm(disk_full(10)).unwrap();
    assert_eq!(file.write(b"0123456").unwrap(), 7);
    assert_eq!(file.write(b"789abc").unwrap(), 3, "what there is room for");
    assert_eq!(raw(&file.write(b"abc").unwrap_err()), 28);
    let other = File::create(scene.file("other")).unwrap();
    let allocated = rustix::fs::fallocate(&other, rustix::fs::FallocateFlags::empty(), 0, 1);
    assert_eq!(allocated, Err(rustix::io::Errno::NOSPC));
    full.revert();
    file.write_all(b"abc").unwrap();
    assert_eq!(fs::read_to_string(scene.below("file")).unwrap(), "0123456789abc");
}

fn other_attributes() {
    let Some(scene) = Scene::new() else { return };
    let file = scene.file("file");
    fs::write(&file, "four").unwrap();
    let long_ago = std::time::UNIX_EPOCH + chaos_core::units::secs(1000);
    let told = Attributes::new().size(1).mode(0o400).unwrap().owner(7, 8).links(9).modified(long_ago);
    let only = path(&file).unwrap();
    let (meta, _) = scene.under(attributes(told).unwrap().when(only), || fs::metadata(&file).unwrap());
    let found = (meta.len(), meta.mode() & 0o7777, meta.uid(), meta.gid(), meta.nlink());
    assert_eq!(found, (1, 0o400, 7, 8, 9));
    assert!(meta.is_file() && meta.modified().unwrap() == long_ago);
    assert_eq!(fs::metadata(&file).unwrap().len(), 4, "the file is as it was");
}

fn lost_syncs() {
    let Some(scene) = Scene::new() else { return };
    let file = File::create(scene.file("file")).unwrap();
    let (synced, hits) = scene.under(lost_sync(), || file.sync_all().and(file.sync_data()));
    synced.unwrap();
    assert_eq!(hits, 2);
}

fn not_possible() {
    let Some(scene) = Scene::new() else { return };
    for rule in [duplicate(), pending_storm(3).unwrap(), misdirected_seek(1).unwrap()] {
        let refused = scene.point.arm(rule).unwrap_err();
        assert!(refused.is_refused() && refused.to_string().contains("another effect"), "{refused}");
    }
}

fn the_rest() {
    let Some(scene) = Scene::new() else { return };
    let path = scene.file("file");
    fs::write(&path, "text").unwrap();
    let (read, _) = scene.under(eof(), || fs::read(&path).unwrap());
    assert_eq!(read, b"");
    let since = Instant::now();
    let (done, _) = scene.under(throttle(100_000).unwrap(), || fs::write(scene.file("slow"), [0; 20_000]));
    done.unwrap();
    assert!(since.elapsed() >= ms(150), "20 KB at 100 KB/s");
    // The standard library hides what close says; cp does not.
    #[expect(clippy::disallowed_methods, reason = "a program that looks at what close says")]
    let mut copy = std::process::Command::new("cp");
    copy.args(["/bin/true".as_ref(), scene.file("copy").as_os_str()]).stderr(std::process::Stdio::piped());
    let (out, hits) = scene.under(fail_close(io::ErrorKind::StorageFull), || copy.output().unwrap());
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success() && said.contains("close") && said.contains("No space left"), "{said}");
    assert_eq!(hits, 1);
    let mut text = String::new();
    File::open(&path).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "text");
}

fn same_seed() {
    let run = || -> Option<Vec<bool>> {
        let scene = Scene::new()?;
        let file = File::create(scene.file("file")).unwrap();
        let rule = errno(5).unwrap().when(kind(IoKind::Write)).probability(0.3).unwrap();
        Some(scene.under(rule, || (0..100).map(|_| file.write_at(b"x", 0).is_ok()).collect()).0)
    };
    let Some(first) = run() else { return };
    assert_eq!(run().unwrap(), first);
}
