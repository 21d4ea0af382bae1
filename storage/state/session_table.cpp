#include "storage/state/session_table.hpp"
#include "runtime/base/text_hash.hpp"
#include "storage/state/catalog_table.hpp"
#include "storage/state/kv_table.hpp"
#include "storage/state/lock_delays.hpp"
#include "storage/state/query_table.hpp"
#include "storage/state/read_view_long.hpp"
#include "storage/state/view_access.hpp"

namespace actord {

namespace state {

namespace {

constexpr nanos max_lock_delay = std::chrono::seconds(60);

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Of a check what matters to a session: it may have a megabyte of output.
struct check_status {
  std::string status;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("Status", s.status); }
};

// All that it names, in whatever way.
std::vector<std::string> checks_of(const session_record& s) {
  std::vector<std::string> out(s.checks.begin(), s.checks.end());
  out.insert(out.end(), s.node_checks.begin(), s.node_checks.end());
  for (auto& c : s.service_checks) out.push_back(c.id);
  return out;
}

void put_indexes(writing& w, const session_record& s, bool there) {
  auto set = [&](const lmdb::table& t, const std::string& key) {
    if (there) lmdb::put(w.txn, t, key, {});
    else lmdb::erase(w.txn, t, key);
  };
  auto node = lower(s.node), id = lower(s.id);
  set(w.t.node_sessions, lmdb::key_of({node, id}));
  for (auto& check : checks_of(s)) set(w.t.session_checks, lmdb::key_of({node, lower(check), id}));
}

void let_go(writing& w, const session_record& s) {
  const auto delay = std::min(s.lock_delay, max_lock_delay);
  const bool erase = s.behavior == session_behavior_delete;
  for (auto& [key] : keys_under<1>(w.txn, w.t.kv_sessions, lmdb::key_of({lower(s.id)}))) {
    kv_release(w, key, erase);
    if (delay.count() > 0) put_lock_delay(w, key, delay);
  }
}

void end_session(writing& w, const session_record& s) {
  lmdb::erase(w.txn, w.t.sessions, lower(s.id));
  put_indexes(w, s, false);
  w.raise_index("sessions");
  w.touch(topic_kind::sessions);
  let_go(w, s);
  end_queries_of_session(w, s.id);
}

} // namespace

std::string id_fault(std::string_view id) {
  auto fault = [](const std::string& text) { return "index error: " + text; };
  if (id.size() != 36) return fault("UUID must be 36 characters");
  const auto hyphens = std::count(id.begin(), id.end(), '-');
  if (hyphens > 4) return fault("UUID should have maximum of 4 \"-\"; got " + std::to_string(hyphens));
  if ((36 - hyphens) % 2 != 0) return fault("Input (without hyphens) must be even length");
  for (char c : id) {
    if (c == '-' || is_hex(c)) continue;
    static constexpr std::string_view digits = "0123456789ABCDEF";
    const auto b = static_cast<unsigned char>(c);
    auto text = std::string("Invalid UUID: encoding/hex: invalid byte: U+00") + digits[b >> 4] + digits[b & 15];
    if (b >= 0x20 && b < 0x7f) text += std::string(" '") + c + "'";
    return fault(text);
  }
  return {};
}

status check_session_id(std::string_view id) {
  auto fault = id_fault(id);
  if (fault.empty()) return {};
  return error{errc::internal, "failed session lookup: " + fault};
}

status create_session(writing& w, session_record s) {
  if (s.id.empty()) return error{errc::internal, "Missing session ID"};
  if (s.behavior.empty()) s.behavior = session_behavior_release;
  if (s.behavior != session_behavior_release && s.behavior != session_behavior_delete)
    return error{errc::internal, "Invalid session behavior: " + s.behavior};
  if (!find_node(w.txn, w.t, s.node)) return error{errc::internal, "Missing node registration"};
  std::unordered_set<std::string, text_hash> seen; // one check may be named sixty thousand times
  for (auto& id : checks_of(s)) {
    if (!seen.insert(lower(id)).second) continue;
    auto check = find_record<check_status>(w.txn, w.t.checks, lmdb::key_of({lower(s.node), lower(id)}));
    if (!check) return error{errc::internal, "Missing check '" + id + "' registration"};
    if (check->status == health_critical) return error{errc::internal, "Check '" + id + "' is in " + check->status + " state"};
  }
  s.create_index = s.modify_index = w.index;
  put_record(w, w.t.sessions, lower(s.id), s);
  put_indexes(w, s, true);
  w.raise_index("sessions");
  w.touch(topic_kind::sessions);
  return {};
}

status destroy_session(writing& w, std::string_view id) {
  if (auto s = check_session_id(id); !s) return s;
  if (auto s = find_session(w.txn, w.t, id)) end_session(w, *s);
  return {};
}

void end_sessions_of_check(writing& w, std::string_view node, std::string_view check_id) {
  for (auto& [id] : keys_under<1>(w.txn, w.t.session_checks, lmdb::key_of({lower(node), lower(check_id)})))
    if (auto s = find_session(w.txn, w.t, id)) end_session(w, *s);
}

void end_sessions_of_node(writing& w, std::string_view node) {
  for (auto& [id] : keys_under<1>(w.txn, w.t.node_sessions, lmdb::key_of({lower(node)})))
    if (auto s = find_session(w.txn, w.t, id)) end_session(w, *s);
}

std::optional<session_record> find_session(const lmdb::transaction& txn, const tables& t, std::string_view id) {
  return find_record<session_record>(txn, t.sessions, lower(id));
}

} // namespace state

namespace {

void wait_for_sessions(query_meta& meta) {
  if (meta.topics) meta.topics->push_back({topic_kind::sessions, {}});
}

} // namespace

result<std::optional<session_record>> read_view::session(std::string_view id, query_meta& meta) const {
  using found = result<std::optional<session_record>>;
  wait_for_sessions(meta);
  struct answer { found value = std::optional<session_record>(); };
  auto out = guarded(impl_, [&](auto& txn, auto& t) -> answer {
    if (auto s = state::check_session_id(id); !s) return {s.err()};
    state::raise_to(meta.index, state::get_index(txn, t, "sessions"));
    return {state::find_session(txn, t, id)};
  });
  return failed() ? found(failure()) : std::move(out.value);
}

std::vector<session_record> read_view::sessions(std::string_view node, query_meta& meta) const {
  wait_for_sessions(meta);
  return guarded(impl_, [&](auto& txn, auto& t) {
    std::vector<session_record> out;
    state::raise_to(meta.index, state::get_index(txn, t, "sessions"));
    if (node.empty()) {
      lmdb::scan(txn, t.sessions, {}, [&](std::string_view, std::string_view bytes) {
        out.push_back(state::load_record<session_record>(bytes));
        return !bounded_read::stops_at_records(out.size());
      });
      return out;
    }
    for (auto& [id] : state::keys_under<1>(txn, t.node_sessions, lmdb::key_of({state::lower(node)}))) {
      out.push_back(state::load_indexed<session_record>(txn, t.sessions, id));
      if (bounded_read::stops_at_records(out.size())) break;
    }
    return out;
  });
}

} // namespace actord
