//! The rules, one file each, and the table of all of them.

mod allow_nothing;
mod allow_unknown;
mod allow_without_reason;
mod always_true_where;
mod approval_under_lock;
mod approval_without_timeout;
mod atomic_without_undo;
mod background_output;
mod barrier_without_timeout;
mod constant_condition;
mod empty_block;
mod forgeable_output;
mod frequent_schedule;
mod hidden_character;
mod hidden_pipe_failure;
mod idle_across;
mod idle_modifier;
mod idle_verify;
mod impossible_class;
mod local_request;
mod lock_limits_differ;
mod missing_undo;
mod mutable_tag;
mod no_cells;
mod one_at_a_time;
mod opposite_lock_orders;
mod option_alone;
mod place_in_text;
mod raw_interpolation;
mod repeated_element;
mod repeated_name;
mod retry_of_once;
mod retry_without_pause;
mod rollback_without_lock;
mod secret_shown;
mod shadowed_name;
mod stages_take_turns;
mod timeout_too_long;
mod tolerates_all;
mod too_few_approvers;
mod transfer_in_loop;
mod unbounded_parallel;
mod undo_of_last_try;
mod undocumented_input;
mod unexplained_ignore;
mod unreachable;
mod unreachable_handler;
mod unread_name;
mod unused_declaration;
mod unused_import;
mod unused_input;
mod unused_parameter;
mod unused_place;
mod unused_value;
mod value_in_program;

use super::rule::Rule;

/// All rules, by code.
pub const ALL: &[Rule] = &[
    unused_import::RULE,
    unused_declaration::RULE,
    unused_input::RULE,
    unused_value::RULE,
    unused_parameter::RULE,
    shadowed_name::RULE,
    place_in_text::RULE,
    undocumented_input::RULE,
    hidden_character::RULE,
    unreachable::RULE,
    constant_condition::RULE,
    empty_block::RULE,
    repeated_name::RULE,
    idle_verify::RULE,
    no_cells::RULE,
    always_true_where::RULE,
    repeated_element::RULE,
    idle_modifier::RULE,
    idle_across::RULE,
    missing_undo::RULE,
    atomic_without_undo::RULE,
    retry_without_pause::RULE,
    retry_of_once::RULE,
    unexplained_ignore::RULE,
    impossible_class::RULE,
    unreachable_handler::RULE,
    tolerates_all::RULE,
    rollback_without_lock::RULE,
    undo_of_last_try::RULE,
    hidden_pipe_failure::RULE,
    secret_shown::RULE,
    value_in_program::RULE,
    background_output::RULE,
    forgeable_output::RULE,
    option_alone::RULE,
    raw_interpolation::RULE,
    unread_name::RULE,
    transfer_in_loop::RULE,
    unused_place::RULE,
    mutable_tag::RULE,
    local_request::RULE,
    approval_under_lock::RULE,
    unbounded_parallel::RULE,
    timeout_too_long::RULE,
    stages_take_turns::RULE,
    one_at_a_time::RULE,
    approval_without_timeout::RULE,
    barrier_without_timeout::RULE,
    opposite_lock_orders::RULE,
    lock_limits_differ::RULE,
    too_few_approvers::RULE,
    frequent_schedule::RULE,
    allow_without_reason::RULE,
    allow_unknown::RULE,
    allow_nothing::RULE,
];
