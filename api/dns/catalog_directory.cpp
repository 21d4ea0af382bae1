#include "api/dns/catalog_directory.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/state/read_view_long.hpp"
#include <algorithm>

namespace actord::dns {

namespace {
constexpr auto sorted_anew = std::chrono::seconds(1); // places that changed since: agents tell them every few seconds

std::optional<uint32_t> ttl_of(const query_dns& dns) {
  const auto ttl = parse_duration(dns.ttl);
  if (!ttl || dns.ttl.empty()) return std::nullopt;
  return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(*ttl).count());
}
} // namespace

directory::found_query found_by_query(const rpc::query_execute_reply& r, long_reads* elsewhere) {
  std::vector<endpoint> list(r.nodes.size());
  for (size_t i = 0; i < r.nodes.size(); ++i) endpoint_of(r.nodes[i], list[i]);
  return {.list = shared_list(std::move(list), elsewhere), .service = r.service, .ttl = ttl_of(r.dns), .in_order = true};
}

rpc::query_execute_request question_of(std::string_view name, const directory::query_source& by) {
  rpc::query_execute_request q;
  q.query = name;
  q.datacenter = q.agent.datacenter = by.datacenter;
  q.agent.node = by.node;
  q.source.ip = by.ip;
  return q;
}

catalog_directory::catalog_directory(state_store& store, std::shared_ptr<const node_status> status, net::io_loop& loop, long_reads* elsewhere)
    : reader_(store), status_(std::move(status)), loop_(loop), elsewhere_(elsewhere),
      lists_{kept_names<known_list>(most_names), kept_names<known_list>(most_names), kept_names<known_list>(most_names)} {}

void catalog_directory::begin_batch() { applied_ = status_->applied.load(std::memory_order_acquire); }

void catalog_directory::begin_question(uint64_t source, std::optional<uint64_t> as_of) {
  source_ = source;
  as_of_ = as_of ? *as_of : applied_;
  lacks_ = false;
  lacking_ = nullptr;
}

read_view& catalog_directory::view() {
  if (!view_) view_.emplace(reader_.open());
  return *view_;
}

bool catalog_directory::unread() {
  if (!view_ || !view_->failed()) return false;
  view_.reset(); // the next question tries again
  return failed_ = true;
}

bool catalog_directory::can_answer() {
  if (status_->catching_up.load(std::memory_order_relaxed)) return false; // what is missing here is not missing
  return status_->known_leader.load(std::memory_order_relaxed) || (allow_stale_ && applied_ > 0);
}

// ---- lists of instances ----

endpoint_list catalog_directory::instances(std::string_view service, bool connect) {
  const auto* known = look(connect ? mesh : plain, service, [&] {
    list_wanted w;
    w.what.service = service;
    w.what.connect = connect;
    return w;
  });
  return known ? known->now.list : nullptr;
}

// Null: it could not be read, or is being made.
const catalog_directory::known_list* catalog_directory::look(kind k, std::string_view key, const std::function<list_wanted()>& wanted_by) {
  auto* known = lists_[k].find(key);
  if (known && known->now.list && known->checked >= as_of_) return known;
  auto wanted = wanted_by();
  if (known && known->now.list) {
    const bool right = still_right(*known, wanted);
    if (unread()) return nullptr;
    if (right) {
      known->checked = applied_;
      return known;
    }
  }
  if (known && known->under_way) return wait_for(known->under_way), nullptr;
  if (((known && known->is_long) || !wanted.near.empty()) && make_elsewhere(k, key, wanted)) return nullptr;
  instance_list found;
  {
    bounded_read here(elsewhere_ != nullptr);
    found = read_list(wanted, view(), elsewhere_);
    if (here.gave_up() && make_elsewhere(k, key, wanted)) return nullptr;
  }
  if (unread()) return nullptr;
  if (!found.list) found = read_list(wanted, view(), elsewhere_); // no thread is to be had
  if (unread()) return nullptr;
  return &keep(k, key, std::move(found), applied_);
}

bool catalog_directory::still_right(const known_list& l, const list_wanted& w) {
  if (l.now.stamp != stamp_of(w, l.now.through, view())) return false;
  return w.near.empty() || l.now.places == view().table_index("coordinates") || net::io_loop::clock::now() - l.sorted < sorted_anew;
}

catalog_directory::known_list& catalog_directory::keep(kind k, std::string_view key, instance_list found, uint64_t checked) {
  known_list& l = lists_[k].put(key, [this](known_list& gone) { drop(gone); });
  drop(l);
  const size_t more = found.list->size();
  for (size_t tries = 0, most = 2 * kinds * most_names; endpoints_ > 0 && endpoints_ + more > most_endpoints && tries < most; ++tries)
    if (auto* idle = lists_[tries % kinds].idlest(); idle && idle != &l) drop(*idle);
  endpoints_ += more;
  l.is_long = more > made_here || found.took > time_here;
  l.now = std::move(found);
  l.checked = checked;
  l.sorted = net::io_loop::clock::now();
  return l;
}

void catalog_directory::drop(known_list& l) {
  if (l.now.list) endpoints_ -= l.now.list->size();
  l.now = {};
}

// ---- elsewhere ----

bool catalog_directory::make_elsewhere(kind k, std::string_view key, list_wanted wanted) {
  if (!elsewhere_) return false;
  auto m = std::make_shared<making>();
  m->of = k;
  m->key = key;
  m->wanted = std::move(wanted);
  if (!submit(m)) return false;
  known_list& l = lists_[k].put(key, [this](known_list& gone) { drop(gone); });
  l.is_long = true;
  l.under_way = m;
  lacks_ = true;
  lacking_ = m;
  return true;
}

// Of what was begun before, a question may have to be shown more: it looks again when that is there.
void catalog_directory::wait_for(const std::shared_ptr<making>& m) {
  lacks_ = true;
  lacking_ = m;
  // In the line of each source that waits for it: none stands behind what another has waiting.
  if (!m->begun.load() && std::find(m->sources.begin(), m->sources.end(), source_) == m->sources.end()) (void)submit(m);
}

bool catalog_directory::submit(const std::shared_ptr<making>& m) {
  m->sources.push_back(source_);
  return elsewhere_->submit(source_, [this, m](reader& views) {
    if (m->begun.exchange(true)) return;
    instance_list found;
    {
      const read_view now = views.open();
      found = read_list(m->wanted, now, elsewhere_);
    }
    loop_.post([this, m, found = std::move(found)] { made(m, found); });
  });
}

void catalog_directory::made(const std::shared_ptr<making>& m, instance_list found) {
  if (auto* known = lists_[m->of].find(m->key); known && known->under_way == m) known->under_way = nullptr;
  const bool failed = !found.list;
  const uint64_t seen = found.seen;
  if (!failed) keep(m->of, m->key, std::move(found), seen);
  for (auto& f : std::exchange(m->waiting, {})) f(failed);
}

void catalog_directory::when_made(made_function f) {
  if (lacking_) std::exchange(lacking_, nullptr)->waiting.push_back(std::move(f));
}

// ---- prepared queries ----

const catalog_directory::known_query* catalog_directory::find_query(std::string_view name) {
  auto* known = queries_.find(name);
  if (known && known->checked >= as_of_) return known;
  const uint64_t index = view().table_index("prepared-queries");
  if (unread()) return nullptr;
  if (!known || known->index != index) {
    auto found = view().resolve_query(name, {});
    if (unread()) return nullptr;
    known = &queries_.put(name);
    known->query = found && *found ? std::make_shared<const actord::prepared_query>(std::move(**found)) : nullptr;
    known->key = known->query ? to_msgpack(known->query->service) : std::string();
    known->index = index;
  }
  known->checked = applied_;
  return known;
}

directory::found_query catalog_directory::prepared_query(std::string_view name, const query_source& by) {
  const auto* known = find_query(name);
  if (!known || !known->query) return {};
  const auto query = known->query;
  std::string near = query->service.near;
  if (near == "_agent") near = by.node;
  else if (near == "_ip") near = by.ip.empty() ? std::string() : node_of_address(by.ip);
  if (failed_) return {};
  const auto* list = look(by_query, known->key + '\0' + near, [&] { return list_wanted{query->service, true, near}; });
  if (!list) return {};
  return {.list = list->now.list, .service = query->service.service, .ttl = ttl_of(query->dns), .in_order = false, .ties = list->now.ties, .first = near};
}

// ---- nodes ----

std::shared_ptr<const node_facts> catalog_directory::node(std::string_view name) {
  auto* known = nodes_.find(name);
  if (known && known->checked >= as_of_) return known->facts;
  query_meta meta;
  auto found = view().node(name, meta);
  if (unread()) return nullptr;
  auto facts = found ? std::make_shared<const node_facts>(facts_of(*found)) : nullptr;
  if (!known) known = &nodes_.put(name);
  *known = {facts, applied_};
  return facts;
}

std::string catalog_directory::node_of_address(std::string_view address) {
  auto found = view().node_by_address(address);
  return !unread() && found ? found->node : std::string{};
}

std::string catalog_directory::service_of_address(std::string_view address) {
  auto found = view().service_by_address(address);
  return !unread() && found ? found->service_name : std::string{};
}

} // namespace actord::dns
