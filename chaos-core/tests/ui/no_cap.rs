use chaos_core::point::{Step, step};
use chaos_core::units::secs;
use chaos_core::{BlastRadius, Chaos, Experiment};

struct Commit;
impl Step for Commit {
    const NAME: &'static str = "commit";
    type Error = std::io::Error;
}

async fn experiment() -> chaos_core::Result<()> {
    let chaos = Chaos::seeded(7);
    let _rule = step::hang::<Commit>().at(chaos.point("commit")?);
    let _radius = BlastRadius::percent(10)?;
    let _lasting = secs(30);
    Experiment::new(&chaos, "orders survive")
        .fault(_rule)
        .lasting(_lasting)
        .run()
        .await?;
    Ok(())
}

fn main() {
    let _ = experiment();
}
