#include "actors/session/session_actor.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "runtime/base/quote.hpp"
#include "storage/command/commands.hpp"
#include "storage/command/row.hpp"
#include "storage/state/lock_delays.hpp"
#include "storage/state/store.hpp"
#include <algorithm>
#include <caf/send.hpp>

namespace actord {

leader_desk::leader_desk(state_store& store) : store_(store), views_(std::make_unique<reader>(store)) {}
leader_desk::~leader_desk() = default;

void leader_desk::take(session_handle sessions) {
  std::lock_guard hold(mutex_);
  sessions_ = std::move(sessions);
}

namespace {

bool locks(command_kind kind, std::string_view body) {
  if (kind == command_kind::kv) {
    kv_request r;
    return from_msgpack(body, r) && r.op == kv_lock;
  }
  txn_request r;
  return kind == command_kind::txn && from_msgpack(body, r) &&
         std::any_of(r.ops.begin(), r.ops.end(), [](auto& op) { return op.kv && op.kv->verb == kv_lock; });
}

} // namespace

own_answer leader_desk::answer(std::string_view command, std::chrono::steady_clock::time_point now, bool current, apply_result& out) {
  const auto* row = row_of(command);
  if (row == nullptr || row->answered == leader_answers::never) return own_answer::none;
  const auto kind = row->kind;
  const auto body = command.substr(1);
  if (row->answered == leader_answers::always) {
    if (!current) return own_answer::later;
    renew(body, out);
    return own_answer::given;
  }
  // A session's end that is not applied yet may delay the key.
  if (!current && !broken(rule::lock_waits_for_state)) return locks(kind, body) ? own_answer::later : own_answer::none;
  if (!store_.delays().any() || broken(rule::delayed_lock_waits)) return own_answer::none;
  const bool refused = kind == command_kind::kv ? lock(body, now, out) : txn(body, now, out);
  return refused ? own_answer::given : own_answer::none;
}

// The answer is the session, so that whoever asked need not have it yet.
void leader_desk::renew(std::string_view body, apply_result& out) {
  session_renewal r;
  out.value = false;
  if (!from_msgpack(body, r)) {
    out.failure = {errc::corrupt, "malformed command"};
    return;
  }
  out.body = r.id;
  std::lock_guard hold(mutex_);
  query_meta meta;
  auto view = views_->open();
  auto found = view.session(r.id, meta);
  out.index = meta.index;
  if (!found) {
    out.failure = {errc::internal, found.err().text};
    // Whoever came in time must not lose the session to a failed read.
    if (view.failed() && sessions_) caf::anon_send(sessions_, session_renewed{r.id});
  } else if (*found) {
    out.value = true;
    out.body = to_msgpack(**found);
    if (sessions_) caf::anon_send(sessions_, session_renewed{(*found)->id});
  }
}

bool leader_desk::lock(std::string_view body, std::chrono::steady_clock::time_point now, apply_result& out) {
  kv_request r;
  if (!from_msgpack(body, r) || r.op != kv_lock || !store_.delays().delayed(r.entry.key, now)) return false;
  out.value = false;
  return true;
}

bool leader_desk::txn(std::string_view body, std::chrono::steady_clock::time_point now, apply_result& out) {
  txn_request r;
  if (!from_msgpack(body, r)) return false;
  auto refused = std::make_shared<txn_response>();
  for (size_t i = 0; i < r.ops.size(); ++i)
    if (auto& op = r.ops[i].kv; op && op->verb == kv_lock && store_.delays().delayed(op->entry.key, now))
      refused->errors.push_back({i, "failed to lock key " + quote(op->entry.key) + " due to lock delay"});
  if (refused->errors.empty()) return false;
  out.value = false;
  out.txn = std::move(refused);
  return true;
}

} // namespace actord
