// THE TABLE of replicated commands, by kind. What is done with each stands in functions that are overloaded for its record (to apply
// it: storage/state/apply.cpp), so that a row without one does not compile.
// Rows are appended, never taken out: a log may hold what is no longer written.
#pragma once
#include "storage/command/own_commands.hpp"
#include "storage/command/query_rules.hpp"
#include "storage/command/row.hpp"
#include <tuple>
#include <type_traits>

namespace actord {

template <class Record> struct command_row_of : command_row {
  using record = Record;
};

namespace command_operations {
inline constexpr std::string_view kv[] = {kv_set, kv_delete, kv_delete_cas, kv_delete_tree, kv_cas, kv_lock, kv_unlock},
                                  session[] = {session_create, session_destroy}, tombstone[] = {"reap"},
                                  query[] = {query_create, query_update, query_delete};
} // namespace command_operations

inline constexpr std::tuple command_table{
    command_row_of<register_request>{{.kind = command_kind::catalog_register,
                                      .name = "register",
                                      .proposed = "catalog.register",
                                      .applied = "fsm.register"}},
    command_row_of<deregister_request>{{.kind = command_kind::catalog_deregister,
                                        .name = "deregister",
                                        .proposed = "catalog.deregister",
                                        .applied = "fsm.deregister"}},
    command_row_of<kv_request>{{.kind = command_kind::kv,
                                .name = "kv",
                                .proposed = "kvs.apply",
                                .applied = "fsm.kvs",
                                .operations = command_operations::kv,
                                .answered = leader_answers::when_a_key_is_delayed}},
    command_row_of<session_request>{{.kind = command_kind::session,
                                     .name = "session",
                                     .proposed = "session.apply",
                                     .applied = "fsm.session",
                                     .operations = command_operations::session}},
    command_row_of<tombstone_request>{{.kind = command_kind::tombstone_reap,
                                       .name = "tombstone-reap",
                                       .applied = "fsm.tombstone",
                                       .operations = command_operations::tombstone}},
    command_row_of<list_of<coordinate_record>>{{.kind = command_kind::coordinate_batch_update,
                                                .name = "coordinate-batch-update",
                                                .applied = "fsm.coordinate.batch-update"}},
    command_row_of<query_request>{{.kind = command_kind::prepared_query,
                                   .name = "prepared-query",
                                   .level = 2,
                                   .proposed = "prepared-query.apply",
                                   .applied = "fsm.prepared-query",
                                   .operations = command_operations::query}},
    command_row_of<txn_request>{{.kind = command_kind::txn,
                                 .name = "txn",
                                 .proposed = "txn.apply",
                                 .applied = "fsm.txn",
                                 .answered = leader_answers::when_a_key_is_delayed}},
    command_row_of<autopilot_request>{{.kind = command_kind::autopilot_set,
                                       .name = "autopilot",
                                       .applied = "fsm.autopilot"}},
    command_row_of<session_renewal>{{.kind = command_kind::session_renew,
                                     .name = "session-renew",
                                     .proposed = "session.renew",
                                     .answered = leader_answers::always}},
    command_row_of<lock_delay_request>{{.kind = lock_delay_reap, .name = "lock-delay-reap"}}};

// Calls f with the row of the kind, whose type says the record. False: there is none.
template <class F> bool with_row_of(command_kind kind, F&& f) {
  return std::apply([&](const auto&... row) { return ((row.kind == kind && (f(row), true)) || ...); }, command_table);
}
template <class Row> using record_of = typename std::remove_cvref_t<Row>::record;

} // namespace actord
