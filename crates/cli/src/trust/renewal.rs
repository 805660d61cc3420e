//! Renewing what is trusted: on demand, and by itself once a day, after the verdict and never before it.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Result, anyhow};
use signet_model::Timestamp;
use signet_trust::{Instance, TufState};

use super::place::{Known, Place};
use super::{Current, init, status};
use crate::exit::Exit;
use crate::net::Access;
use crate::settings::Settings;
use crate::verify::args::ReachArgs;

/// What is younger is not asked for again, in seconds.
const FRESH: i64 = 24 * 60 * 60;
/// After an attempt that failed, the next one waits, in seconds.
const PAUSE: i64 = 60 * 60;
/// How long the program stays for it after the verdict.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long when someone asked for it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is to be done before the program ends. A verdict is printed deep inside a command, its renewal comes after everything: so it is left here.
static PLANNED: OnceLock<Planned> = OnceLock::new();

struct Planned {
    place: Place,
    mirror: String,
    access: Access,
    settings: Settings,
}

/// Plans a renewal if what was used is a day old, and nobody tried within the hour.
pub(super) fn plan(place: &Place, current: &Current, access: &Access, now: Timestamp, settings: &Settings) {
    let renewed = current.kept.as_ref().and_then(|(state, _)| state.renewed());
    if settings.offline || !is_due(renewed, place.attempted(&current.mirror), now) {
        return;
    }
    let planned = Planned {
        place: place.clone(),
        mirror: current.mirror.clone(),
        access: access.clone(),
        settings: settings.clone(),
    };
    // A second verification in one run uses the same material.
    let _planned_before = PLANNED.set(planned);
}

/// A time in the future is no reason to wait: clocks go wrong.
fn is_due(renewed: Option<Timestamp>, attempted: Option<Timestamp>, now: Timestamp) -> bool {
    let within = |time: Option<Timestamp>, seconds: i64| {
        time.is_some_and(|time| (0..seconds).contains(&now.as_second().saturating_sub(time.as_second())))
    };
    !within(renewed, FRESH) && !within(attempted, PAUSE)
}

/// Does what was planned. Whatever comes of it, the command's result stands.
pub(crate) fn settle() {
    let Some(planned) = PLANNED.get() else { return };
    match planned.run() {
        Ok(()) => planned.settings.detail(format!("renewed what is trusted from {}", planned.mirror)),
        Err(err) => planned
            .settings
            .detail(format!("what is trusted was not renewed, the result stands: {}", crate::foreign::chain(&err))),
    }
}

impl Planned {
    fn run(&self) -> Result<()> {
        let Some(_lock) = self.place.lock(&self.mirror, Duration::ZERO)? else { return Ok(()) };
        self.place.note_attempt(&self.mirror, crate::settings::now())?;
        let state = begin(&self.place, &self.mirror)?;
        let (state, _) = init::renew(&state, &self.access, &self.settings, DEADLINE)?;
        self.place.save(&state)
    }
}

/// `signet trust refresh`.
pub(super) fn command(reach: &ReachArgs, settings: &Settings) -> Result<Exit> {
    let place = Place::of(settings);
    let mirror = place.mirror()?;
    let Some(_lock) = place.lock(&mirror, PATIENCE)? else {
        return Err(anyhow!("another process has been renewing `{mirror}` for {} s", PATIENCE.as_secs()));
    };
    let state = begin(&place, &mirror)?;
    let (state, material) = init::renew(&state, &crate::verify::demand::access(reach), settings, PATIENCE)?;
    place.save(&state)?;
    settings.say(status::summary(&state, &material, crate::settings::now()));
    Ok(Exit::Well)
}

/// What there is to go on from. What is kept may be damaged; the built-in root of a well-known instance is as good a beginning.
fn begin(place: &Place, mirror: &str) -> Result<TufState> {
    let built_in = |instance: Instance| Ok(TufState::begin(mirror, instance.tuf_root())?);
    match (place.known(mirror), Instance::at(mirror)) {
        (Ok(Known::Kept(state) | Known::Behind(state) | Known::Foreign(state)), _) => Ok(state),
        (Ok(Known::BuiltIn(instance)), _) | (Err(_), Some(instance)) => built_in(instance),
        (Ok(Known::Unknown), _) => Err(crate::hint(
            anyhow!("nothing is known of `{mirror}`"),
            format!("`signet trust init --mirror {mirror} --root ROOT.json`"),
        )),
        (Err(err), None) => Err(err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_day_and_not_again_within_the_hour() {
        let at = |hours: i64| Timestamp::from_second(hours * 3600).unwrap();
        let now = at(1000);
        for (renewed, attempted, due) in [
            (None, None, true),
            (Some(at(999)), None, false),
            (Some(at(977)), None, false),
            (Some(at(976)), None, true),
            (Some(at(900)), Some(at(1000)), false),
            (Some(at(900)), Some(at(999)), true),
            (None, Some(at(1000)), false),
            // Clocks that were wrong.
            (Some(at(2000)), None, true),
            (None, Some(at(2000)), true),
        ] {
            assert_eq!(is_due(renewed, attempted, now), due, "{renewed:?} {attempted:?}");
        }
    }
}
