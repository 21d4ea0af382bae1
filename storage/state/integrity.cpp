// How the state notices that it is damaged: the digest that every write keeps up, and a walk over the file that must come
// to the same.
#include "runtime/base/log.hpp"
#include "storage/command/row.hpp"
#include "storage/state/store_impl.hpp"
#include "storage/state/verification.hpp"
#include <fmt/format.h>

namespace actord {

namespace {

constexpr std::string_view subsystem = "agent.server.state";

// The database number of each counted table, in the order of the record.
std::vector<unsigned> numbers_of(state::tables& t) {
  std::vector<unsigned> out;
  t.each([&](const char*, lmdb::table& table) {
    if (table.id != t.meta.id) out.push_back(table.id);
  });
  out.push_back(t.meta.overflow);
  return out;
}

std::optional<std::string_view> entry(const lmdb::transaction& txn, const lmdb::table& t, std::string_view key) {
  std::string_view v;
  return lmdb::get(txn, t, key, v) ? std::optional(v) : std::nullopt;
}

} // namespace

status state_store::impl::begin_digest(live_database& d, lmdb::transaction& txn) {
  auto& t = d.t;
  auto meta = state::decode_meta(entry(txn, t.meta, "format"), entry(txn, t.meta, "applied"), entry(txn, t.meta, "digest"));
  if (!meta) return meta.err();
  if (meta->format > state::format_version)
    return error{errc::internal, "the state was written by a newer version (format " + std::to_string(meta->format) + ")"};
  const auto held = state::decode_level(entry(txn, t.meta, "level"));
  if (!held) return held.err();
  if (*held > highest_command_level()) return state::newer_commands("the state", *held);
  level = d.level = *held;
  applied = meta->applied.index;
  d.numbers = numbers_of(t);
  d.sums.uncounted = uint64_t{1} << t.meta.id;
  d.format = state::format_version;
  const bool is_new = meta->format == 0;
  if (meta->digest) {
    for (size_t i = 0; i < d.numbers.size(); ++i) d.sums.of[d.numbers[i]] = meta->digest->sums[i];
    d.complete = meta->digest->complete;
    if (d.complete) digests.note(raft_index{applied}, state::fingerprint_in(state::encode(*meta->digest)));
    return {};
  }
  if (is_new) state::put_number(txn, t.meta, "format", state::format_version);
  d.complete = is_new;
  save_digest(txn, d, applied, d.complete);
  return {};
}

void state_store::impl::hand(std::optional<state::digest_record> found, uint64_t of_generation) {
  if (!found) return;
  std::lock_guard lock(finding);
  missing = std::move(found);
  missing_for = of_generation;
  has_missing.store(true, std::memory_order_release);
}

bool state_store::impl::take_missing(lmdb::transaction& txn) {
  if (!has_missing.load(std::memory_order_acquire) || db->complete) return false;
  std::lock_guard lock(finding);
  if (!missing || missing_for != generation.load()) return false;
  txn.sums()->settle();
  for (size_t i = 0; i < db->numbers.size(); ++i) txn.sums()->of[db->numbers[i]] += missing->sums[i];
  return true;
}

std::string state_store::impl::digest_of(const lmdb::content_sums& sums, const live_database& d, uint64_t index, bool complete) {
  state::digest_record r{index, d.format, complete, {}};
  r.sums.reserve(d.numbers.size());
  for (auto n : d.numbers) r.sums.push_back(sums.of[n]);
  return state::encode(r);
}

uint64_t state_store::impl::save_digest(lmdb::transaction& txn, live_database& d, uint64_t index, bool complete) {
  if (txn.sums()) txn.sums()->settle();
  const auto bytes = digest_of(txn.sums() ? *txn.sums() : d.sums, d, index, complete);
  lmdb::put(txn, d.t.meta, "applied", state::encode_applied(index));
  lmdb::put(txn, d.t.meta, "digest", bytes);
  return state::fingerprint_in(bytes);
}

state_digest state_store::digest() const { return impl_->digests.newest(); }
uint64_t state_store::digest_at(raft_index index) const { return impl_->digests.at(index); }
std::vector<state_digest> state_store::digests() const { return impl_->digests.all(); }

// Another version may sum up other tables, or apply a command in another way; the states that come of it differ rightly.
const std::string& state_store::digest_kind() {
  static const std::string kind = [] {
    std::string out = fmt::format("{} {} {}", ACTORD_VERSION, state::digest_version, state::format_version);
    for (auto& name : state::counted_tables()) out += " " + name;
    return out;
  }();
  return kind;
}

void state_store::impl::note_damage(const std::string& what, bool of_others) {
  {
    std::lock_guard lock(finding);
    if (damaged.exchange(true)) return;
    damage = what;
  }
  disagrees = of_others;
  log::err(subsystem, "the state is {}, it is not served from any more and will be rebuilt: found=\"{}\"", of_others ? "not what most servers have" : "damaged", what);
  if (auto s = state::write_mark(options.path, {boot_id, false, what, of_others}); !s)
    log::err(subsystem, "cannot mark the state as damaged: error=\"{}\"", s.err().text);
  if (on_damage) on_damage(what);
}

void state_store::note_damage(const std::string& what) { impl_->note_damage(what); }
void state_store::note_difference(const std::string& what) { impl_->note_damage(what, true); }
bool state_store::is_damaged() const { return impl_->damaged.load(std::memory_order_acquire); }
std::string state_store::damage() const {
  std::lock_guard lock(impl_->finding);
  return impl_->damage;
}
void state_store::on_damage(std::function<void(const std::string&)> f) { impl_->on_damage = std::move(f); }

// ---- a walk over the live state ------------------------------------------------------------------------------------

struct state_verification::impl {
  state_store& store;
  std::shared_ptr<live_database> db;
  uint64_t generation;
  lmdb::pin pin;
  lmdb::file_pages pages;
  std::optional<lmdb::page_walk> walk;
};

state_verification::state_verification(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
state_verification::~state_verification() = default;

result<std::unique_ptr<state_verification>> state_verification::begin(state_store& store) {
  auto& in = store.internals();
  constexpr int most_tries = 1000; // the head of a transaction is overwritten by the second one after it
  for (int n = 0; n < most_tries; ++n) {
    const auto generation = in.generation.load(std::memory_order_acquire);
    auto db = in.current();
    try {
      lmdb::environment& env = *db->env;
      std::unique_ptr<impl> i(new impl{store, std::move(db), generation, lmdb::pin(env), lmdb::file_pages(env.fd()), {}});
      auto head = lmdb::read_head(i->pages, i->pin.transaction());
      if (!head && head.err().code == errc::not_found) continue;
      if (!head) return head.err();
      i->walk.emplace(i->pages, *head, lmdb::walk_scope{.collect = "meta"});
      return std::unique_ptr<state_verification>(new state_verification(std::move(i)));
    } catch (const lmdb::failure& f) {
      return lmdb::describe(f);
    }
  }
  return error{errc::internal, "the state is written to too fast to be pinned"};
}

result<bool> state_verification::go(uint64_t bytes) {
  auto more = impl_->walk->go(bytes);
  if (!more || !*more) return more;
  auto v = state::judge(*impl_->walk, true);
  if (!v) return v.err();
  impl_->store.internals().hand(std::move(v->missing), impl_->generation);
  return true;
}

uint64_t state_verification::bytes_read() const { return impl_->walk->bytes_read(); }
uint64_t state_verification::writes_since() const { return impl_->pin.newest(*impl_->db->env) - impl_->pin.transaction(); }

} // namespace actord
