#include "api/cli/held_lock.hpp"
#include "api/cli/json_read.hpp"
#include "runtime/base/json_writer.hpp"
#include <algorithm>
#include <set>

namespace actord::cli {
namespace {

using clock = std::chrono::steady_clock;

// The numbers by which Consul's clients know their own keys.
constexpr uint64_t lock_flags = 0x2ddccbc058a50c18, semaphore_flags = 0xe0f69a2baa414de0;
constexpr nanos default_wait = std::chrono::seconds(15);
constexpr nanos lock_delay_pause = std::chrono::seconds(5); // after a refusal that no view explains: a lock-delay
constexpr nanos monitor_pause = std::chrono::seconds(1);
constexpr const char* session_ttl = "15s";

error failed(const std::string& what, const error& why) { return {why.code, what + ": " + why.text}; }

void pause_unless(const std::atomic<bool>& stop, nanos patience) {
  for (auto until = clock::now() + patience; !stop.load() && clock::now() < until;)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

std::string spec_of(const std::string& name, bool deletes) {
  std::string out;
  json_writer w(out);
  w.begin_object();
  w.plain_key("Name");
  w.string(name);
  if (deletes) {
    w.plain_key("Behavior");
    w.string("delete");
  }
  w.plain_key("TTL");
  w.string(session_ttl);
  w.end_object();
  return out;
}

// Rounds of asking until it is free: a one-shot wish ends when its time is over, else each round waits its turn.
class rounds {
public:
  rounds(const lock_wish& w, const std::atomic<bool>& stop) : limit_(w.timeout), stop_(stop) {
    wait.patience = limit_ > nanos(0) ? limit_ : default_wait;
  }
  kv_wait wait;
  bool next() {
    if (stop_.load()) return false;
    if (limit_ > nanos(0) && count_ > 0) {
      auto elapsed = clock::now() - start_;
      if (elapsed > limit_) return false;
      wait.patience = limit_ - elapsed;
    }
    ++count_;
    return true;
  }

private:
  nanos limit_;
  const std::atomic<bool>& stop_;
  clock::time_point start_ = clock::now();
  int count_ = 0;
};

// ---- one holder -------------------------------------------------------------------------------------------------

class mutex_lock final : public held_lock {
public:
  explicit mutex_lock(lock_wish w) : held_lock(std::move(w)), key_(wish_.prefix.empty() ? ".lock" : wish_.prefix + "/.lock") {}
  std::string session_spec() const override { return spec_of(wish_.session_name, false); }

  result<bool> acquire(kv_access& kv, const std::string& session, const std::atomic<bool>& stop) override {
    for (rounds r(wish_, stop); r.next();) {
      auto now = kv.get(key_, r.wait);
      if (!now) return failed("failed to read lock", now.err());
      const kv_pair* pair = now->pairs.empty() ? nullptr : &now->pairs[0];
      if (pair && pair->flags != lock_flags) return conflict();
      if (pair && pair->session == session) return true;
      if (pair && !pair->session.empty()) {
        r.wait.index = now->index;
        continue;
      }
      auto got = kv.put({key_, {}, {}, lock_flags, 0}, {{"acquire", session}});
      if (!got) return failed("failed to acquire lock", got.err());
      if (*got) return true;
      // Why not? Somebody was quicker, and can be waited for; or a lock-delay is in effect, which only passes with time.
      r.wait.index = 0;
      auto again = kv.get(key_);
      if (!again) return failed("failed to read lock", again.err());
      if (!again->pairs.empty() && !again->pairs[0].session.empty()) r.wait.index = again->index;
      else pause_unless(stop, lock_delay_pause);
    }
    return false;
  }
  status release(kv_access& kv, const std::string& session) override {
    if (auto done = kv.put({key_, {}, {}, lock_flags, 0}, {{"release", session}}); !done) return failed("failed to release lock", done.err());
    return {};
  }
  status clean(kv_access& kv) override {
    auto now = kv.get(key_);
    if (!now) return failed("failed to read lock", now.err());
    if (now->pairs.empty()) return {};
    auto& pair = now->pairs[0];
    if (pair.flags != lock_flags) return conflict();
    if (!pair.session.empty()) return error{errc::conflict, "Lock in use"};
    auto removed = kv.remove(key_, {{"cas", std::to_string(pair.modify_index)}});
    if (!removed) return failed("failed to remove lock", removed.err());
    if (!*removed) return error{errc::conflict, "Lock in use"};
    return {};
  }

private:
  static error conflict() { return {errc::internal, "Existing key does not match lock use"}; }
  bool ours(const kv_look& look, const std::string& session) const override { return !look.pairs.empty() && look.pairs[0].session == session; }
  result<kv_look> look(kv_access& kv, const kv_wait& wait) const override { return kv.get(key_, wait); }
  std::string key_;
};

// ---- several holders ---------------------------------------------------------------------------------------------

struct holder_list {
  int64_t limit = 0;
  std::set<std::string> holders;
};

std::string encode(const holder_list& h) {
  std::string out;
  json_writer w(out);
  w.begin_object();
  w.plain_key("Limit");
  w.number(h.limit);
  w.plain_key("Holders");
  w.begin_object();
  for (auto& id : h.holders) {
    w.key(id);
    w.boolean(true);
  }
  w.end_object();
  w.end_object();
  return out;
}

class semaphore final : public held_lock {
public:
  explicit semaphore(lock_wish w)
      : held_lock(std::move(w)), folder_(wish_.prefix.empty() ? std::string() : wish_.prefix + "/"), key_(folder_ + ".lock") {}
  std::string session_spec() const override { return spec_of(wish_.session_name, true); }

  result<bool> acquire(kv_access& kv, const std::string& session, const std::atomic<bool>& stop) override {
    auto made = kv.put({folder_ + session, {}, {}, semaphore_flags, 0}, {{"acquire", session}});
    if (!made || !*made)
      return error{errc::internal, "failed to make contender entry: " + (made ? std::string("<nil>") : made.err().text)};
    for (rounds r(wish_, stop); r.next();) {
      auto now = kv.list(folder_, r.wait);
      if (!now) return failed("failed to read prefix", now.err());
      auto pair = find(*now);
      if (pair.flags != semaphore_flags) return conflict();
      auto list = decode(pair);
      if (!list) return list.err();
      if (list->limit != wish_.holders)
        return error{errc::internal, "semaphore limit conflict (lock: " + std::to_string(list->limit) + ", local: " + std::to_string(wish_.holders) + ")"};
      prune(*list, *now);
      if (static_cast<int64_t>(list->holders.size()) >= list->limit) {
        r.wait.index = now->index;
        continue;
      }
      list->holders.insert(session);
      auto set = kv.put({key_, encode(*list), {}, semaphore_flags, 0}, {{"cas", std::to_string(pair.modify_index)}});
      if (!set) return failed("failed to update lock", set.err());
      if (*set) return true;
    }
    return false;
  }
  status release(kv_access& kv, const std::string& session) override {
    for (;;) {
      auto now = kv.get(key_);
      if (!now) return now.err();
      auto pair = find(*now);
      auto list = decode(pair);
      if (!list) return list.err();
      if (list->holders.erase(session) == 0) break;
      auto set = kv.put({key_, encode(*list), {}, semaphore_flags, 0}, {{"cas", std::to_string(pair.modify_index)}});
      if (!set) return failed("failed to update lock", set.err());
      if (*set) break;
    }
    if (auto gone = kv.remove(folder_ + session); !gone) return gone.err();
    return {};
  }
  status clean(kv_access& kv) override {
    auto now = kv.list(folder_);
    if (!now) return failed("failed to read prefix", now.err());
    auto pair = find(*now);
    if (pair.modify_index == 0) return {};
    if (pair.flags != semaphore_flags) return conflict();
    auto list = decode(pair);
    if (!list) return list.err();
    prune(*list, *now);
    if (!list->holders.empty()) return error{errc::conflict, "Semaphore in use"};
    auto removed = kv.remove(key_, {{"cas", std::to_string(pair.modify_index)}});
    if (!removed) return failed("failed to remove semaphore", removed.err());
    if (!*removed) return error{errc::conflict, "Semaphore in use"};
    return {};
  }

private:
  static error conflict() { return {errc::internal, "Existing key does not match semaphore use"}; }
  kv_pair find(const kv_look& look) const {
    auto at = std::ranges::find(look.pairs, key_, &kv_pair::key);
    return at != look.pairs.end() ? *at : kv_pair{key_, {}, {}, semaphore_flags, 0};
  }
  result<holder_list> decode(const kv_pair& pair) const {
    holder_list out{wish_.holders, {}};
    if (pair.value.empty()) return out;
    auto doc = json_document::parse(pair.value);
    if (!doc) return failed("lock decoding failed", doc.err());
    if (!doc->root().IsObject()) return error{errc::corrupt, "lock decoding failed: the value of " + key_ + " is not an object"};
    out.limit = number(doc->root(), "Limit");
    if (const auto* m = member(doc->root(), "Holders"); m && m->IsObject())
      for (auto& e : m->GetObject()) out.holders.insert(text(e.name));
    return out;
  }
  // Holders whose session is gone hold nothing any more.
  static void prune(holder_list& list, const kv_look& look) {
    std::set<std::string> alive;
    for (auto& p : look.pairs)
      if (!p.session.empty()) alive.insert(p.session);
    std::erase_if(list.holders, [&](auto& id) { return !alive.contains(id); });
  }
  bool ours(const kv_look& look, const std::string& session) const override {
    auto list = decode(find(look));
    if (!list) return false;
    prune(*list, look);
    return list->holders.contains(session);
  }
  result<kv_look> look(kv_access& kv, const kv_wait& wait) const override { return kv.list(folder_, wait); }
  std::string folder_, key_;
};

bool worth_repeating(const error& e) {
  return !e.text.starts_with("Unexpected response code: ") || e.text.starts_with("Unexpected response code: 500");
}

} // namespace

std::unique_ptr<held_lock> held_lock::make(lock_wish wish) {
  if (wish.holders > 1) return std::make_unique<semaphore>(std::move(wish));
  return std::make_unique<mutex_lock>(std::move(wish));
}

void held_lock::await_loss(kv_access& kv, const std::string& session, const std::atomic<bool>& stop) const {
  kv_wait wait{.consistent = true};
  auto retries = wish_.monitor_retries;
  while (!stop.load()) {
    auto now = look(kv, wait);
    if (!now) {
      if (retries-- <= 0 || !worth_repeating(now.err())) return;
      wait.index = 0;
      pause_unless(stop, monitor_pause);
      continue;
    }
    retries = wish_.monitor_retries;
    if (!ours(*now, session)) return;
    wait.index = now->index;
  }
}

} // namespace actord::cli
