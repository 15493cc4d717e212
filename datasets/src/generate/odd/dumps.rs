//! Oddities of submissions and tags: Debug dumps of several versions, tiers that are inherited or
//! lost, tags that say nothing.

use super::{CODEX, HANDLERS, Odd, TAGS};
use crate::batch::Origin;
use crate::dialect::Dialect;
use crate::rows::process_uuid;
use crate::truth::{Intent, TierForm};

impl Odd<'_> {
    /// A submission with this text between marker and end, and its id.
    fn submission(&mut self, origin: Origin, op: &str) -> String {
        let id = self.new_id();
        let thread = self.stamp.thread.as_deref().unwrap_or_default();
        let body = format!(
            "session_loop{{thread_id={thread}}}: Submission sub=Submission {{ id: \"{id}\", op: \
             {op}, trace: None }}"
        );
        self.text(origin, body);
        id
    }

    /// A submission whose turn then runs.
    fn turn_submission(&mut self, origin: Origin, op: &str, tier: TierForm) {
        let turn = self.steer(origin, op, tier);
        self.ran(&turn);
    }

    /// A submission that names a turn, of which nothing else is logged.
    fn steer(&mut self, origin: Origin, op: &str, tier: TierForm) -> String {
        let turn = self.submission(origin, op);
        self.fact(Intent::Submission { turn: turn.clone(), tier });
        turn
    }

    /// A row that a turn logs while it runs.
    fn ran(&mut self, turn: &str) {
        let scopes = self.scopes(turn);
        self.text(TAGS, format!("{scopes}endpoint=\"/responses\" auth_mode=\"\""));
        self.batch.ran(turn, "gpt-5.5");
    }

    /// Operations and forms of other versions, and what only looks like a turn that ran.
    pub(super) fn versions(&mut self) {
        self.new_thread();
        let set = |odd: &mut Self, tier, said: &str| {
            odd.submission(
                CODEX,
                &format!("OverrideTurnContext {{ cwd: None, service_tier: {said} }}"),
            );
            odd.fact(Intent::Settings { tier });
        };
        set(self, TierForm::Fast, "Some(Some(Fast))");
        self.turn_submission(CODEX, "UserInput { items: [] }", TierForm::Inherit);
        set(self, TierForm::Flex, "Some(Some(Flex))");
        self.turn_submission(CODEX, "UserInput { items: [] }", TierForm::Inherit);
        let context =
            "UserInputWithTurnContext { items: [], service_tier: Some(Some(FAST)), effort: None }";
        self.turn_submission(HANDLERS, context, TierForm::Fast);
        let input = |settings: &str, start: &str| {
            format!(
                "TurnInput {{ request: TurnInputRequest {{ input: UserInput {{ content: [] }}, \
                 thread_settings: ThreadSettingsOverrides {{ service_tier: {settings} }}, start: \
                 TurnStartOptions {{ service_tier: {start} }} }} }}"
            )
        };
        let priority = "Some(Some(\"priority\"))";
        self.turn_submission(HANDLERS, &input("Some(None)", priority), TierForm::Cleared);
        // It sets the tier of the turn behind it.
        self.steer(HANDLERS, &input(priority, "None"), TierForm::Priority);
        self.turn_submission(HANDLERS, &input("None", "None"), TierForm::Inherit);
        // The rows of a turn that ran before, of another target, and of a quoted turn.
        let turn = self.new_id();
        self.ran(&turn);
        let scopes = self.scopes(&turn);
        let op = input(priority, "None");
        let thread = self.stamp.thread.clone().unwrap_or_default();
        let body = format!(
            "session_loop{{thread_id={thread}}}: Submission sub=Submission {{ id: \"{turn}\", op: \
             {op}, trace: None }}"
        );
        self.text(HANDLERS, body);
        self.fact(Intent::Submission { turn: turn.clone(), tier: TierForm::Priority });
        self.text(CODEX, format!("{scopes}post sampling token usage turn_id={turn}"));
        self.text(
            TAGS,
            format!("run{{turn_id={turn}}}: tags_json={{\"text\":\"{turn} turn.id={turn}\"}}"),
        );
        // A tier in an operation of an unknown name is noticed.
        let unknown = Origin { quotes: true, ..HANDLERS };
        self.submission(unknown, &format!("TurnStart {{ service_tier: {priority} }}"));
    }

    /// Debug dumps of several versions.
    pub(super) fn submissions(&mut self) {
        self.new_thread();
        self.turn_submission(
            CODEX,
            "UserTurn { items: [Text { text: \"go\" }], cwd: \"/home/dev\", model: \"gpt-5\", \
             service_tier: Some(Some(\"priority\")) }",
            TierForm::Priority,
        );
        self.turn_submission(
            CODEX,
            "UserTurn { items: [], service_tier: Some(None), effort: None }",
            TierForm::Cleared,
        );
        self.turn_submission(
            CODEX,
            "UserInput { items: [Text { text: \"no tier in this version\" }] }",
            TierForm::Inherit,
        );
        // What the prompt quotes is not what the dump says.
        self.turn_submission(
            HANDLERS,
            "UserInput { items: [Text { text: \"set op: ThreadSettings { service_tier: \
             Some(Some(\\\"priority\\\")) } or service_tier: Some(Some(\\\"fast\\\")) \\\\\", \
             text_elements: [] }], thread_settings: ThreadSettingsOverrides { service_tier: None } \
             }",
            TierForm::Inherit,
        );
        self.turn_submission(
            HANDLERS,
            "UserInput { items: [Text { text: \"the first counts\" }], a: Settings { service_tier: \
             Some(Some(\"default\")) }, b: Settings { service_tier: Some(Some(\"priority\")) } }",
            TierForm::Default,
        );
        for op in ["Interrupt", "ExecApproval { id: \"x\", service_tier: None }", "Shutdown"] {
            self.submission(HANDLERS, op);
        }
        // The newest version has no marker.
        let (thread, turn) = (self.new_thread(), self.new_id());
        self.text(
            HANDLERS,
            format!(
                "session_loop{{thread_id={thread}}}: Submission thread_id={thread} \
                 submission_id={turn} operation=\"turn_input\" op=TurnInput {{ service_tier: \
                 Some(Some(\"priority\")) }}"
            ),
        );
    }

    /// Tiers that are set, inherited, cleared, and lost when a process resumes a thread.
    pub(super) fn tiers(&mut self) {
        let overrides = |tier: TierForm| {
            format!(
                "thread_settings: ThreadSettingsOverrides {{ model: None, service_tier: {} }}",
                Dialect::V0_145.dump(tier)
            )
        };
        let submit = |odd: &mut Self, tier| {
            odd.turn_submission(
                HANDLERS,
                &format!("UserInput {{ items: [], {} }}", overrides(tier)),
                tier,
            );
        };
        let set = |odd: &mut Self, tier| {
            odd.submission(HANDLERS, &format!("ThreadSettings {{ {} }}", overrides(tier)));
            odd.fact(Intent::Settings { tier });
        };
        self.new_thread();
        submit(self, TierForm::Inherit);
        set(self, TierForm::Fast);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Cleared);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Fast);
        submit(self, TierForm::Flex);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Priority);
        set(self, TierForm::Default);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Priority);
        // Another process goes on with the thread and starts at the default; then the first one
        // again.
        let other = process_uuid(&mut self.dice);
        let first = self.stamp.process.replace(other);
        submit(self, TierForm::Inherit);
        submit(self, TierForm::Priority);
        submit(self, TierForm::Inherit);
        self.stamp.process = first;
        submit(self, TierForm::Inherit);
        // Another thread of the same process has a separate tier.
        self.new_thread();
        submit(self, TierForm::Inherit);
        // An absent process is one too.
        let process = self.stamp.process.take();
        set(self, TierForm::Priority);
        submit(self, TierForm::Inherit);
        self.stamp.process = process;
        submit(self, TierForm::Inherit);
    }

    /// Tags of the newest version.
    pub(super) fn tags(&mut self) {
        let thread = self.new_thread();
        let tags = |before: &str, tier: &str| {
            format!(
                "{before}tags_json={{\"feature.a\":\"true\",\"service_tier\":{tier},\"z\":\"1\"}}"
            )
        };
        let (first, second, third) = (self.new_id(), self.new_id(), self.new_id());
        let scopes = self.scopes(&first);
        self.text(TAGS, tags(&format!("{scopes}model=\"gpt-6-sol\" effort=None "), "\"priority\""));
        self.fact(Intent::Tags { turn: first.clone(), model: Some("gpt-5.5".into()) });
        self.text(
            TAGS,
            tags(
                &format!("turn{{turn_id={second} thread.id={thread}}}: model=\"gpt-6.1-sol\" "),
                "\"priority\"",
            ),
        );
        self.fact(Intent::Tags { turn: second, model: Some("gpt-6.1-sol".into()) });
        self.text(TAGS, tags(&format!("turn{{turn.id={third}}}: model=\"\" "), "\"priority\""));
        self.fact(Intent::Tags { turn: third, model: None });
        for tier in ["\"unset\"", "\"fast\"", "\"Priority\"", "null", "true", "[\"priority\"]"] {
            self.text(TAGS, tags(&scopes, tier));
        }
        self.text(TAGS, tags("model=m ", "\"priority\""));
        self.text(TAGS, format!("{scopes}tags_json={{\"service_tier\":\"priority\"}} more"));
        self.text(
            Origin { target: "codex_feedback", quotes: true, ..TAGS },
            tags(&scopes, "\"priority\""),
        );
        self.text(TAGS, format!("{scopes}endpoint=\"/responses\" auth_mode=\"\""));
    }
}
