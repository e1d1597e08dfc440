//! The functions that begin a network fault, and [`NetFault`], which they begin.

use std::fmt;
use std::time::Duration;

use chaos_core::Percent;

use super::{
    AnyEffect, Asked, Bandwidth, Carrier, Devices, Direction, Distribution, Effect, IfName, LossModel,
    NetRule, Netem, Odds, Refusal, Reorder, Shaping, Slot, Traffic,
};
use crate::node::net::Flow;
use crate::node::net::own::{Custom, PacketFault};

/// Packets wait.
pub fn delay(delay: Duration) -> NetFault<Netem> {
    netem(Netem { delay, ..Netem::default() })
}

/// Packets are lost, each on its own or like the one before.
pub fn loss(odds: impl Into<Odds>) -> NetFault<Netem> {
    netem(Netem { loss: Some(LossModel::Random(odds.into())), ..Netem::default() })
}

/// Packets come twice.
pub fn duplicate(odds: impl Into<Odds>) -> NetFault<Netem> {
    netem(Netem { duplicate: Some(odds.into()), ..Netem::default() })
}

/// Packets get one wrong bit; the checksum of TCP or UDP mostly finds it, and the packet is lost one step later.
pub fn corrupt(odds: impl Into<Odds>) -> NetFault<Netem> {
    netem(Netem { corrupt: Some(odds.into()), ..Netem::default() })
}

/// Some packets overtake the others, which wait for `delay`.
pub fn reorder(odds: impl Into<Odds>, delay: Duration) -> NetFault<Netem> {
    let reorder = Some(Reorder { odds: odds.into(), gap: 1 });
    netem(Netem { delay, reorder, ..Netem::default() })
}

/// Any of what a bad network does, together.
pub fn netem(netem: Netem) -> NetFault<Netem> {
    NetFault::new(netem)
}

/// Packets are held to a bandwidth, each device and direction on its own.
pub fn bandwidth(rate: Bandwidth) -> NetFault<Shaping> {
    NetFault::new(Shaping { rate, burst: None, queue: None })
}

/// Packets vanish: a partition, a black hole.
pub fn drop() -> NetFault<Effect> {
    NetFault::new(Effect::Drop)
}

/// Packets are refused, and the sender is told.
pub fn refuse(how: Refusal) -> NetFault<Refusal> {
    NetFault::new(how)
}

/// What your own [`PacketFault`] does. `make` makes one for each device and direction, which has its own packets in their order;
/// plans and reports call it by `name`.
///
/// It acts through this process ([`own`](crate::node::net::own)), like any other network fault: on the traffic and the devices
/// that it is given, beside other faults, in an experiment.
///
/// ```
/// use chaos_core::dice::Rolls;
/// use chaos_k8s::node::net::own::{Packet, PacketFault, Verdict};
/// use chaos_k8s::node::net::{self, Flow};
///
/// /// Loses every tenth packet.
/// #[derive(Debug)]
/// struct Tenth;
///
/// impl PacketFault for Tenth {
///     fn packet(&mut self, packet: &mut Packet<'_>, _dice: &mut Rolls) -> Verdict {
///         if packet.ordinal() % 10 == 9 { Verdict::Drop } else { Verdict::Pass }
///     }
/// }
///
/// let tenth = net::custom("lose every tenth", || Tenth).to(Flow::peer("10.0.0.0/8")?);
/// assert_eq!(tenth.to_string(), "lose every tenth to 10.0.0.0/8");
/// # Ok::<(), chaos_core::Error>(())
/// ```
///
/// It is code, and so no data: there is no [`NetRule`] of it, which the compiler says.
///
/// ```compile_fail,E0277
/// # use chaos_core::dice::Rolls;
/// # use chaos_k8s::node::net::own::{Packet, PacketFault, Verdict};
/// # #[derive(Debug)]
/// # struct Tenth;
/// # impl PacketFault for Tenth {
/// #     fn packet(&mut self, _: &mut Packet<'_>, _: &mut Rolls) -> Verdict { Verdict::Pass }
/// # }
/// use chaos_k8s::node::net::{self, NetRule};
/// let rule = NetRule::from(net::custom("lose every tenth", || Tenth));
/// ```
pub fn custom<F: PacketFault>(
    name: impl Into<String>,
    make: impl Fn() -> F + Send + Sync + 'static,
) -> NetFault<Custom> {
    NetFault::new(Custom::new(name, make))
}

/// A network fault about to act: what happens, to which traffic, where. All IP traffic on its way out of every device that is
/// up, unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing happens until it is injected"]
pub struct NetFault<E> {
    effect: E,
    traffic: Traffic,
    direction: Direction,
    devices: Devices,
    carrier: Carrier,
}

impl<E> NetFault<E> {
    fn new(effect: E) -> Self {
        let (direction, devices, carrier) = Default::default();
        Self { effect, traffic: Flow::all().into(), direction, devices, carrier }
    }

    /// Traffic to these peers, on its way out.
    pub fn to(self, traffic: impl Into<Traffic>) -> Self {
        self.towards(Direction::Egress, traffic)
    }

    /// Traffic from these peers, on its way in.
    pub fn from(self, traffic: impl Into<Traffic>) -> Self {
        self.towards(Direction::Ingress, traffic)
    }

    /// Traffic to and from these peers.
    pub fn between(self, traffic: impl Into<Traffic>) -> Self {
        self.towards(Direction::Both, traffic)
    }

    fn towards(mut self, direction: Direction, traffic: impl Into<Traffic>) -> Self {
        (self.direction, self.traffic) = (direction, traffic.into());
        self
    }

    /// On this device; several add up. Without it: all that are up, but loopback.
    pub fn device(mut self, name: IfName) -> Self {
        match &mut self.devices {
            Devices::Named(names) => names.push(name),
            all => *all = Devices::Named(vec![name]),
        }
        self
    }

    /// On packets on their way out, in, or both.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// By the kernel, or through this process. Without it: by the kernel where it can.
    pub fn carrier(mut self, carrier: Carrier) -> Self {
        self.carrier = carrier;
        self
    }
}

impl<E: Into<Effect>> NetFault<E> {
    /// The fault as data.
    pub fn into_rule(self) -> NetRule {
        NetRule {
            effect: self.effect.into(),
            traffic: self.traffic,
            direction: self.direction,
            devices: self.devices,
            carrier: self.carrier,
        }
    }
}

impl<E: Into<Effect>> From<NetFault<E>> for NetRule {
    fn from(fault: NetFault<E>) -> Self {
        fault.into_rule()
    }
}

impl NetFault<Netem> {
    /// How far the delay strays.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.effect.jitter = jitter;
        self
    }

    /// How much a delay is like the one before.
    pub fn delay_correlation(mut self, correlation: Percent) -> Self {
        self.effect.delay_correlation = correlation;
        self
    }

    /// How the delay strays within its jitter.
    pub fn distribution(mut self, distribution: Distribution) -> Self {
        self.effect.distribution = distribution;
        self
    }

    /// Packets are lost too.
    pub fn and_loss(self, odds: impl Into<Odds>) -> Self {
        self.and_loss_by(LossModel::Random(odds.into()))
    }

    /// Packets are lost too, by this model.
    pub fn and_loss_by(mut self, model: LossModel) -> Self {
        self.effect.loss = Some(model);
        self
    }

    /// Packets come twice too.
    pub fn and_duplicate(mut self, odds: impl Into<Odds>) -> Self {
        self.effect.duplicate = Some(odds.into());
        self
    }

    /// Packets get wrong bits too.
    pub fn and_corrupt(mut self, odds: impl Into<Odds>) -> Self {
        self.effect.corrupt = Some(odds.into());
        self
    }

    /// Packets overtake too, those that every `gap`-th asks.
    pub fn and_reorder(mut self, odds: impl Into<Odds>, gap: u32) -> Self {
        self.effect.reorder = Some(Reorder { odds: odds.into(), gap });
        self
    }

    /// The link is only so fast too.
    pub fn and_rate(mut self, rate: Bandwidth) -> Self {
        self.effect.rate = Some(rate);
        self
    }

    /// Packets go in bunches too.
    pub fn and_slot(mut self, slot: Slot) -> Self {
        self.effect.slot = Some(slot);
        self
    }

    /// How many packets may wait, instead of as many as the delay needs.
    pub fn limit(mut self, packets: u32) -> Self {
        self.effect.limit = Some(packets);
        self
    }

    /// The seed of the draws ([`Netem::seed`]).
    pub fn seed(mut self, seed: u64) -> Self {
        self.effect.seed = Some(seed);
        self
    }
}

impl NetFault<Shaping> {
    /// How many bytes may pass at full speed after a pause.
    pub fn burst(mut self, bytes: u32) -> Self {
        self.effect.burst = Some(bytes);
        self
    }

    /// How many bytes may wait before more are dropped.
    pub fn queue(mut self, bytes: u32) -> Self {
        self.effect.queue = Some(bytes);
        self
    }
}

impl<E: Into<Effect> + Clone> fmt::Display for NetFault<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.clone().into_rule().fmt(f)
    }
}

impl NetFault<Custom> {
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            effect: AnyEffect::Own(self.effect.clone()),
            traffic: self.traffic.clone(),
            direction: self.direction,
            devices: self.devices.clone(),
            carrier: self.carrier,
        }
    }
}

impl fmt::Display for NetFault<Custom> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.asked().fmt(f)
    }
}
