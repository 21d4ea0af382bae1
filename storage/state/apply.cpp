// From a command's bytes to the table that carries it out. Deterministic: nothing here knows the time, the network or the
// configuration, and bytes that make no sense are refused in the same words everywhere.
#include "storage/command/own_commands.hpp"
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

template <class Record> bool decode(std::string_view body, Record& r, apply_result& out) {
  if (from_msgpack(body, r)) return true;
  refuse(out, {errc::corrupt, "malformed command"});
  return false;
}

void apply_kv(writing& w, std::string_view body, apply_result& out) {
  kv_operation op;
  if (!decode_kv_command(body, op)) return refuse(out, {errc::corrupt, "malformed command"});
  auto done = kv_apply(w, op);
  out.value = done.done;
  if (!done.refused) refuse(out, done.refused.err());
}

void apply_register(writing& w, std::string_view body, apply_result& out) {
  register_request r;
  if (!decode(body, r, out)) return;
  attempt a(w);
  if (auto s = ensure_registration(w, r); !s) refuse(out, s.err());
  else a.keep();
}

void apply_session(writing& w, std::string_view body, apply_result& out) {
  session_request r;
  if (!decode(body, r, out)) return;
  if (r.op != session_create && r.op != session_destroy) return refuse(out, {errc::internal, "Invalid Session operation '" + r.op + "'"});
  attempt a(w);
  if (r.op == session_create) out.body = r.session.id; // the proposer chose it
  auto s = r.op == session_create ? create_session(w, std::move(r.session)) : destroy_session(w, r.session.id);
  if (!s) refuse(out, s.err());
  else a.keep();
}

void apply_prepared_query(writing& w, std::string_view body, apply_result& out) {
  query_request r;
  if (!decode(body, r, out)) return;
  if (r.query) out.body = r.query->id; // the proposer chose it
  attempt a(w);
  if (auto s = apply_query(w, std::move(r)); !s) refuse(out, s.err());
  else a.keep();
}

void apply_txn(writing& w, std::string_view body, apply_result& out) {
  txn_request r;
  if (!decode(body, r, out)) return;
  out.txn = std::make_shared<txn_response>();
  attempt a(w);
  const auto told = run_txn(w, r, *out.txn);
  out.value = out.txn->errors.empty();
  if (out.value) a.keep();
  if (!told) out.failure = told.err();
}

void apply_lock_delay_reap(writing& w, std::string_view body, apply_result& out) {
  lock_delay_request r;
  if (!decode(body, r, out)) return;
  for (auto& e : r.ended) lift_lock_delay(w, e.key, e.index);
}

} // namespace

void apply_command(writing& w, std::string_view bytes, apply_result& out) {
  auto body = bytes.substr(1);
  const auto kind = static_cast<command_kind>(bytes[0]);
  if (kind == lock_delay_reap) return apply_lock_delay_reap(w, body, out);
  switch (kind) {
  case command_kind::kv: return apply_kv(w, body, out);
  case command_kind::catalog_register: return apply_register(w, body, out);
  case command_kind::catalog_deregister: {
    deregister_request r;
    if (decode(body, r, out)) deregister(w, r);
    return;
  }
  case command_kind::tombstone_reap: {
    tombstone_request r;
    if (decode(body, r, out)) kv_reap_tombstones(w, r.reap_index);
    return;
  }
  case command_kind::txn: return apply_txn(w, body, out);
  case command_kind::autopilot_set: {
    autopilot_request r;
    if (decode(body, r, out)) out.value = autopilot_set(w, r);
    return;
  }
  case command_kind::session: return apply_session(w, body, out);
  case command_kind::prepared_query: return apply_prepared_query(w, body, out);
  case command_kind::coordinate_batch_update: {
    list_of<coordinate_record> batch;
    if (decode(body, batch, out)) update_coordinates(w, batch);
    return;
  }
  case command_kind::session_renew: break; // answered by the leader, never written
  }
  refuse(out, {errc::corrupt, "unknown command " + std::to_string(static_cast<unsigned char>(bytes[0]))});
}

} // namespace actord::state
