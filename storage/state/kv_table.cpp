#include "storage/state/kv_table.hpp"
#include "runtime/base/msgpack.hpp"
#include "storage/command/commands.hpp"
#include "runtime/base/quote.hpp"
#include "storage/state/lock_delays.hpp"
#include "storage/state/read_view_long.hpp"
#include "storage/state/session_table.hpp"

namespace actord::state {

namespace {

bool decode_entry(msgpack_reader& r, kv_operation& out) {
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    auto name = r.raw();
    if (name == "Key") out.key = r.raw();
    else if (name == "Value") out.value = r.raw();
    else if (name == "Flags") out.flags = r.uint();
    else if (name == "ModifyIndex") out.expected = r.uint();
    else if (name == "Session") out.session = r.raw();
    else if (name == "LockIndex") out.lock_index = r.uint();
    else r.skip();
  }
  return r.ok();
}

void store_entry(writing& w, std::string_view key, const kv_view& e) {
  encode_kv(lmdb::reserve(w.txn, w.t.kvs, key, kv_size(e)), e);
  w.kvs_index = w.index;
  w.touch(topic_kind::kv_key, std::string(key));
}

// The index of what each session holds follows the entry.
void note_holder(writing& w, std::string_view key, std::string_view before, std::string_view after) {
  if (before == after) return;
  if (!before.empty()) lmdb::erase(w.txn, w.t.kv_sessions, lmdb::key_of({lower(before), key}));
  if (!after.empty()) lmdb::put(w.txn, w.t.kv_sessions, lmdb::key_of({lower(after), key}), {});
}

// Stores the operation's value under this holder. An entry that is there as it is stays untouched, with its ModifyIndex.
void put(writing& w, const kv_operation& op, uint64_t lock_index, std::string_view holder, const kv_view* existing, kv_outcome& out) {
  kv_view e{existing ? existing->create_index : w.index, w.index, op.flags, lock_index, holder, op.value};
  out.present = true;
  if (!existing) {
    store_entry(w, op.key, e);
    note_holder(w, op.key, {}, holder);
    out.entry = e;
    return;
  }
  if (existing->flags == e.flags && existing->lock_index == e.lock_index && existing->session == holder && existing->value == e.value) {
    out.entry = *existing;
    return;
  }
  const bool same_holder = existing->session == holder;
  if (same_holder && !holder.empty()) { // a view into the page that the write may move
    w.before.assign(holder);
    e.session = w.before;
  }
  const std::string before(same_holder ? std::string_view() : existing->session);
  store_entry(w, op.key, e);
  if (!same_holder) note_holder(w, op.key, before, holder);
  out.entry = e;
}

// Plain sets keep the holder of the lock, but not the count of locks: LockIndex is taken from the request (Consul's quirk).
void set(writing& w, const kv_operation& op, const kv_view* existing, kv_outcome& out) {
  put(w, op, op.lock_index, existing ? existing->session : std::string_view(), existing, out);
}

void bury(writing& w, std::string_view key) {
  put_number(w.txn, w.t.tombstones, key, w.index);
  w.tombstones_index = w.index;
}

void remove(writing& w, std::string_view key, const kv_view& existing) {
  const std::string holder(existing.session);
  lmdb::erase(w.txn, w.t.kvs, key);
  note_holder(w, key, holder, {});
  bury(w, key);
  w.kvs_index = w.index;
  w.touch(topic_kind::kv_key, std::string(key));
}

// One tombstone stands for the whole tree; none when everything goes.
void remove_tree(writing& w, std::string_view prefix) {
  std::vector<std::string> doomed;
  std::vector<std::pair<std::string, std::string>> held; // key and holder
  lmdb::scan(w.txn, w.t.kvs, prefix, [&](std::string_view key, std::string_view bytes) {
    kv_view e;
    if (!decode_kv(bytes, e)) lmdb::raise_corrupt("a key/value entry");
    if (!e.session.empty()) held.emplace_back(key, e.session);
    doomed.emplace_back(key);
    return true;
  });
  if (doomed.empty()) return;
  for (auto& [key, holder] : held) note_holder(w, key, holder, {});
  for (auto& key : doomed) {
    lmdb::erase(w.txn, w.t.kvs, key);
    w.touch(topic_kind::kv_key, std::move(key));
  }
  if (!prefix.empty()) bury(w, prefix);
  w.kvs_index = w.index;
}

void lock(writing& w, const kv_operation& op, const kv_view* existing, kv_outcome& out) {
  if (op.session.empty()) {
    out.refused = error{errc::internal, "missing session"};
    return;
  }
  if (auto s = check_session_id(op.session); !s) {
    out.refused = s;
    return;
  }
  if (!find_session(w.txn, w.t, op.session)) {
    out.refused = error{errc::internal, "invalid session " + quote(op.session)};
    return;
  }
  // Who holds it already may put another value; a new holder is counted.
  if (existing && existing->session == op.session) return put(w, op, existing->lock_index, op.session, existing, out);
  if (existing && !existing->session.empty()) {
    out.done = false;
    return;
  }
  put(w, op, existing ? existing->lock_index + 1 : 1, op.session, existing, out);
  lift_lock_delay(w, op.key, w.index); // the leader let it pass: the delay is over
}

void unlock(writing& w, const kv_operation& op, const kv_view* existing, kv_outcome& out) {
  if (op.session.empty()) out.refused = error{errc::internal, "missing session"};
  else if (!existing || existing->session != op.session) out.done = false;
  else put(w, op, existing->lock_index, {}, existing, out);
}

} // namespace

bool decode_kv_command(std::string_view bytes, kv_operation& out) {
  msgpack_reader r(bytes);
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    auto name = r.raw();
    if (name == "Op") out.verb = r.raw();
    else if (name == "DirEnt") decode_entry(r, out);
    else r.skip();
  }
  return r.ok();
}

kv_outcome kv_apply(writing& w, const kv_operation& op) {
  kv_outcome out;
  if (op.verb == kv_delete_tree) {
    remove_tree(w, op.key);
    return out;
  }
  if (op.key.empty()) {
    out.refused = error{errc::internal, "Must provide key"};
    return out;
  }
  kv_view found;
  const kv_view* existing = kv_find(w.txn, w.t, op.key, found) ? &found : nullptr;
  if (op.verb == kv_set) {
    set(w, op, existing, out);
  } else if (op.verb == kv_delete) {
    if (existing) remove(w, op.key, *existing);
  } else if (op.verb == kv_cas) {
    // Expected 0 means "create only".
    out.done = existing ? op.expected != 0 && existing->modify_index == op.expected : op.expected == 0;
    if (out.done) set(w, op, existing, out);
  } else if (op.verb == kv_delete_cas) {
    out.done = !existing || existing->modify_index == op.expected;
    if (out.done && existing) remove(w, op.key, *existing);
  } else if (op.verb == kv_lock) {
    lock(w, op, existing, out);
  } else if (op.verb == kv_unlock) {
    unlock(w, op, existing, out);
  } else {
    out.refused = error{errc::internal, "Invalid KVS operation '" + std::string(op.verb) + "'"};
  }
  return out;
}

void kv_release(writing& w, const std::string& key, bool erase) {
  kv_view found;
  if (!kv_find(w.txn, w.t, key, found)) return;
  if (erase) return remove(w, key, found);
  const std::string value(found.value), holder(found.session);
  found.value = value;
  found.session = {};
  found.modify_index = w.index;
  store_entry(w, key, found);
  note_holder(w, key, holder, {});
}

void kv_reap_tombstones(writing& w, uint64_t upto) {
  std::vector<std::string> old;
  lmdb::scan(w.txn, w.t.tombstones, {}, [&](std::string_view key, std::string_view value) {
    if (load_number(value) <= upto) old.emplace_back(key);
    return true;
  });
  for (auto& key : old) lmdb::erase(w.txn, w.t.tombstones, key);
}

bool kv_find(const lmdb::transaction& txn, const tables& t, std::string_view key, kv_view& out) {
  std::string_view bytes;
  if (!lmdb::get(txn, t.kvs, key, bytes)) return false;
  if (!decode_kv(bytes, out)) lmdb::raise_corrupt("a key/value entry");
  return true;
}

uint64_t kv_table_index(const lmdb::transaction& txn, const tables& t) {
  return std::max(get_index(txn, t, "kvs"), get_index(txn, t, "tombstones"));
}

uint64_t kv_newest_tombstone(const lmdb::transaction& txn, const tables& t, std::string_view prefix) {
  uint64_t newest = 0;
  size_t rows = 0;
  lmdb::scan(txn, t.tombstones, prefix, [&](std::string_view, std::string_view value) {
    raise_to(newest, load_number(value));
    return !bounded_read::stops_at(++rows, 0);
  });
  return newest;
}

} // namespace actord::state
