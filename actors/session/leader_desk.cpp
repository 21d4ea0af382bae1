#include "actors/session/session_actor.hpp"
#include "storage/command/quote.hpp"
#include "storage/state/store.hpp"
#include <caf/send.hpp>

namespace actord {

leader_desk::leader_desk(state_store& store) : store_(store), views_(std::make_unique<reader>(store)) {}
leader_desk::~leader_desk() = default;

void leader_desk::take(session_handle sessions) {
  std::lock_guard hold(mutex_);
  sessions_ = std::move(sessions);
}

bool leader_desk::answer(std::string_view command, std::chrono::steady_clock::time_point now, apply_result& out) {
  if (command.empty()) return false;
  const auto body = command.substr(1);
  switch (static_cast<command_kind>(command[0])) {
  case command_kind::session_renew: return renew(body, out);
  case command_kind::kv: return store_.delays().any() && lock(body, now, out);
  case command_kind::txn: return store_.delays().any() && txn(body, now, out);
  default: return false;
  }
}

// The answer is the session, so that whoever asked need not have it yet.
bool leader_desk::renew(std::string_view body, apply_result& out) {
  session_renewal r;
  out.value = false;
  if (!from_msgpack(body, r)) {
    out.failure = {errc::corrupt, "malformed command"};
    return true;
  }
  out.body = r.id;
  std::lock_guard hold(mutex_);
  query_meta meta;
  auto found = views_->open().session(r.id, meta);
  out.index = meta.index;
  if (!found) {
    out.failure = found.err();
  } else if (*found) {
    out.value = true;
    out.body = to_msgpack(**found);
    if (sessions_) caf::anon_send(sessions_, session_renewed{(*found)->id});
  }
  return true;
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
