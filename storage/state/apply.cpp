// From a command's bytes to the table that carries it out. Deterministic: nothing here knows the time, the network or the
// configuration, and bytes that make no sense are refused in the same words everywhere.
#include "storage/command/table.hpp"
#include "storage/state/autopilot_table.hpp"
#include "storage/state/catalog_table.hpp"
#include "storage/state/coordinate_table.hpp"
#include "storage/state/kv_table.hpp"
#include "storage/state/lock_delays.hpp"
#include "storage/state/query_table.hpp"
#include "storage/state/session_table.hpp"
#include "storage/state/store_impl.hpp"
#include "storage/state/txn.hpp"

namespace actord::state {

namespace {

void refuse(apply_result& out, const error& e) {
  out.value = false;
  out.failure = e;
}

void refuse_unknown(uint8_t kind, apply_result& out) { refuse(out, {errc::corrupt, "unknown command " + std::to_string(kind)}); }

// ---- one overload of `carry_out` for the record of each row of storage/command/table.hpp ----

void carry_out(writing& w, register_request& r, apply_result& out) {
  attempt a(w);
  if (auto s = ensure_registration(w, r); !s) refuse(out, s.err());
  else a.keep();
}

void carry_out(writing& w, deregister_request& r, apply_result&) { deregister(w, r); }

void carry_out(writing& w, const kv_operation& op, apply_result& out) {
  auto done = kv_apply(w, op);
  out.value = done.done;
  if (!done.refused) refuse(out, done.refused.err());
}

void carry_out(writing& w, session_request& r, apply_result& out) {
  if (r.op != session_create && r.op != session_destroy) return refuse(out, {errc::internal, "Invalid Session operation '" + r.op + "'"});
  attempt a(w);
  if (r.op == session_create) out.body = r.session.id; // the proposer chose it
  auto s = r.op == session_create ? create_session(w, std::move(r.session)) : destroy_session(w, r.session.id);
  if (!s) refuse(out, s.err());
  else a.keep();
}

void carry_out(writing& w, tombstone_request& r, apply_result&) { kv_reap_tombstones(w, r.reap_index); }

void carry_out(writing& w, list_of<coordinate_record>& batch, apply_result&) { update_coordinates(w, batch); }

void carry_out(writing& w, query_request& r, apply_result& out) {
  if (r.query) out.body = r.query->id; // the proposer chose it
  attempt a(w);
  if (auto s = apply_query(w, std::move(r)); !s) refuse(out, s.err());
  else a.keep();
}

void carry_out(writing& w, txn_request& r, apply_result& out) {
  out.txn = std::make_shared<txn_response>();
  attempt a(w);
  const auto told = run_txn(w, r, *out.txn);
  out.value = out.txn->errors.empty();
  if (out.value) a.keep();
  if (!told) out.failure = told.err();
}

void carry_out(writing& w, autopilot_request& r, apply_result& out) { out.value = autopilot_set(w, r); }

// Answered by the leader, never written.
void carry_out(writing&, session_renewal&, apply_result& out) { refuse_unknown(static_cast<uint8_t>(command_kind::session_renew), out); }

void carry_out(writing& w, lock_delay_request& r, apply_result&) {
  for (auto& e : r.ended) lift_lock_delay(w, e.key, e.index);
}

// The hot one is not made a record: views into the command.
bool decode(std::string_view body, kv_operation& op) { return decode_kv_command(body, op); }
template <class Record> bool decode(std::string_view body, Record& r) { return from_msgpack(body, r); }
template <class Record> using applied_form = std::conditional_t<std::is_same_v<Record, kv_request>, kv_operation, Record>;

} // namespace

void apply_command(writing& w, std::string_view bytes, apply_result& out) {
  const auto kind = static_cast<command_kind>(bytes[0]);
  const bool known = with_row_of(kind, [&](const auto& row) {
    applied_form<record_of<decltype(row)>> r;
    if (decode(bytes.substr(1), r)) carry_out(w, r, out);
    else refuse(out, {errc::corrupt, "malformed command"});
  });
  if (!known) refuse_unknown(static_cast<uint8_t>(kind), out);
}

} // namespace actord::state
