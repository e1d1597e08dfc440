//! [`Loss`]: the models of `loss_event`.

use chaos_core::dice::Rolls;

use super::chance::{Chance, Draw, draw};
use super::scaled;
use crate::node::net::LossModel;

/// Which packets are lost.
#[derive(Debug)]
pub(super) enum Loss {
    None,
    Random(Chance),
    GilbertElliott(GilbertElliott),
    FourState(FourState),
}

/// `loss_gilb_ell`.
#[derive(Debug)]
pub(super) struct GilbertElliott {
    to_bad: Draw,
    to_good: Draw,
    lost_in_bad: Draw,
    lost_in_good: Draw,
    is_bad: bool,
}

/// `loss_4state`.
#[derive(Debug)]
pub(super) struct FourState {
    p13: Draw,
    p31: Draw,
    p32: Draw,
    p23: Draw,
    p14: Draw,
    state: State,
}

#[derive(Debug)]
enum State {
    Gap,
    Burst,
    LostInGap,
    LostInBurst,
}

impl Loss {
    pub(super) fn of(model: Option<LossModel>) -> Self {
        match model {
            None => Self::None,
            Some(LossModel::Random(odds)) => Self::Random(Chance::of(odds)),
            Some(LossModel::GilbertElliott { p, r, bad, good }) => Self::GilbertElliott(GilbertElliott {
                to_bad: scaled(p),
                to_good: scaled(r),
                lost_in_bad: scaled(bad),
                lost_in_good: scaled(good),
                is_bad: false,
            }),
            Some(LossModel::FourState { p13, p31, p32, p23, p14 }) => Self::FourState(FourState {
                p13: scaled(p13),
                p31: scaled(p31),
                p32: scaled(p32),
                p23: scaled(p23),
                p14: scaled(p14),
                state: State::Gap,
            }),
        }
    }

    /// Whether the next packet is lost.
    pub(super) fn falls(&mut self, dice: &mut Rolls) -> bool {
        match self {
            Self::None => false,
            Self::Random(chance) => chance.falls(dice),
            Self::GilbertElliott(model) => model.falls(dice),
            Self::FourState(model) => model.falls(dice),
        }
    }
}

impl GilbertElliott {
    /// The state changes first; the packet is lost by the state that it met.
    fn falls(&mut self, dice: &mut Rolls) -> bool {
        let (leaves, lost) = match self.is_bad {
            false => (self.to_bad, self.lost_in_good),
            true => (self.to_good, self.lost_in_bad),
        };
        if is_within(draw(dice), leaves) {
            self.is_bad = !self.is_bad;
        }
        is_within(draw(dice), lost)
    }
}

/// Whether a draw falls under a chance; one of 100 % always, one of 0 % never.
fn is_within(draw: Draw, chance: Draw) -> bool {
    draw < chance || chance == Draw::MAX
}

impl FourState {
    fn falls(&mut self, dice: &mut Rolls) -> bool {
        let drawn = draw(dice);
        let under = |first: Draw, second: Draw| is_within(drawn, first.saturating_add(second));
        let (next, is_lost) = match self.state {
            State::Gap if under(self.p14, 0) => (State::LostInGap, true),
            State::Gap if under(self.p13, self.p14) => (State::LostInBurst, true),
            State::Gap => (State::Gap, false),
            State::Burst if under(self.p23, 0) => (State::LostInBurst, true),
            State::Burst => (State::Burst, false),
            State::LostInBurst if under(self.p32, 0) => (State::Burst, false),
            State::LostInBurst if under(self.p31, self.p32) => (State::Gap, false),
            State::LostInBurst => (State::LostInBurst, true),
            State::LostInGap => (State::Gap, false),
        };
        self.state = next;
        is_lost
    }
}
