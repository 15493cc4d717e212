//! Choosing among the arms of a scenario by their names.

/// A choice of arms that the plan does not offer.
#[derive(Debug, thiserror::Error)]
#[error("there is no arm `{asked}`; choose among {offered}")]
pub struct UnknownArm {
    asked: String,
    offered: String,
}

impl UnknownArm {
    /// `asked` is none of what is `offered`, in words.
    pub(crate) fn new(asked: &str, offered: String) -> Self {
        Self { asked: asked.to_owned(), offered }
    }
}

/// The names of `arms` as a text.
pub(crate) fn names<A>(arms: &[A], name: fn(&A) -> &str) -> String {
    arms.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Keeps those of `arms` whose name is in `chosen`, in their own order.
pub(crate) fn choose<A>(
    arms: &mut Vec<A>,
    name: fn(&A) -> &str,
    chosen: &[String],
) -> Result<(), UnknownArm> {
    if let Some(asked) = chosen.iter().find(|asked| arms.iter().all(|arm| name(arm) != **asked)) {
        return Err(UnknownArm::new(asked, names(arms, name)));
    }
    arms.retain(|arm| chosen.iter().any(|chosen| name(arm) == chosen));
    Ok(())
}
