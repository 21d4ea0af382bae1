#include "api/http/front.hpp"
#include "api/http/core/uri.hpp"
#include "runtime/base/log.hpp"
#include "storage/command/commands.hpp"
#include <caf/behavior.hpp>
#include <caf/send.hpp>
#include <algorithm>
#include <bit>
#include <ctime>
#include <unistd.h>

namespace actord::http {
namespace {

using namespace std::chrono_literals;
constexpr size_t read_buffer_bytes = 64 * 1024;
constexpr uint64_t other_body_limit = 4 << 20; // what no route bounds otherwise

bool accepts_gzip(std::string_view header) {
  size_t at = header.find("gzip");
  if (at == header.npos) return false;
  std::string_view rest = header.substr(at + 4);
  rest = rest.substr(0, rest.find(','));
  size_t q = rest.find("q=");
  if (q == rest.npos) return true;
  return rest.find_first_of("123456789", q) != rest.npos;
}

// Consul's measure of a write as its client sees it: from the proposal until it is applied.
telemetry::series* write_sample(std::string_view command) {
  static auto &registered = telemetry::sample("catalog.register"), &deregistered = telemetry::sample("catalog.deregister"),
              &kv = telemetry::sample("kvs.apply"), &txn = telemetry::sample("txn.apply");
  if (command.empty()) return nullptr;
  switch (static_cast<command_kind>(command[0])) {
  case command_kind::catalog_register: return &registered;
  case command_kind::catalog_deregister: return &deregistered;
  case command_kind::kv: return &kv;
  case command_kind::txn: return &txn;
  default: return nullptr;
  }
}

std::string_view consistency_text(consistency m) {
  return m == consistency::stale ? "stale" : m == consistency::consistent ? "consistent" : "leader";
}

} // namespace

front::front(net::io_loop& loop, front_parts parts)
    : loop_(loop), parts_(std::move(parts)),
      self_(net::loop_actor::make(parts_.system, loop, [this](net::loop_actor*) { return handlers(); })),
      views_(parts_.store),
      env_{parts_.rules->config, parts_.system, loop,  self_,  parts_.router, parts_.watch,
           parts_.agent,         parts_.board,  *parts_.status, views_, *this},
      groups_(*this), cache_(parts_.cache_bytes), random_(parts_.seed), read_buffer_(read_buffer_bytes, 0) {
  loop_.at_iteration_end([this] { end_of_iteration(); });
}

front::~front() { shutdown(); }

caf::behavior front::handlers() {
  return {
      [this](proposals_done& m) { applied(m); },
      [this](watch_fired& m) { groups_.fired(m); },
  };
}

void front::accept(int fd, std::string peer) {
  if (ended_ || !parts_.clients->enter(peer, parts_.rules->config.http_max_conns_per_client)) {
    ::close(fd);
    return;
  }
  auto c = std::make_shared<connection>(*this, fd, std::move(peer));
  connections_.emplace(c.get(), c);
  if (!c->open()) c->close();
}

void front::closed(connection& c) {
  if (!c.peer().empty()) parts_.clients->leave(c.peer());
  auto it = connections_.find(&c);
  if (it == connections_.end()) return;
  loop_.retire(std::move(it->second));
  connections_.erase(it);
}

void front::shutdown() {
  if (ended_) return;
  ended_ = true;
  groups_.clear();
  while (!connections_.empty()) {
    auto c = connections_.begin()->second;
    c->close();
  }
  self_->quit_loop();
}

std::string_view front::date() {
  if (loop_.now() >= date_until_) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    date_ = http_date(now.tv_sec);
    date_until_ = loop_.now() + std::chrono::nanoseconds(1000000000 - now.tv_nsec);
  }
  return date_;
}

uint64_t front::body_limit(const request& r, bool& named) {
  named = true;
  if (r.path.starts_with("/v1/kv/")) {
    advice_ = " See https://www.consul.io/docs/agent/options.html#kv_max_value_size.";
    return parts_.rules->kv_limit;
  }
  if (r.path == "/v1/txn") {
    advice_ = " See https://www.consul.io/docs/agent/options.html#txn_max_req_len.";
    return parts_.rules->txn_limit;
  }
  named = false;
  return other_body_limit;
}

void front::serve(connection& c, request& r) {
  auto& f = c.facts();
  f.pretty = parts_.rules->pretty || (!r.params.empty() && r.has_param("pretty"));
  f.gzip = accepts_gzip(r.header("Accept-Encoding"));
  response_.clear();
  dispatch(c, r, response_);
  if (c.is_open() && !c.busy() && !response_.answered) c.send(response_);
}

void front::redirect(const request& r, const std::string& path, response& out) {
  std::string where = encode_path(path);
  if (!r.raw_query.empty()) (where += '?') += r.raw_query;
  out.status = 301;
  out.plain = true;
  if (r.method_verb == verb::get || r.method_verb == verb::head) {
    out.kind = body_kind::other;
    out.content_type = "text/html; charset=utf-8";
    out.body = "<a href=\"" + escape_html(where) + "\">Moved Permanently</a>.\n\n";
  }
  out.header("Location", std::move(where));
}

// What Go's server and mux answer before any handler of Consul's sees the request.
bool front::answer_before_routing(request& r, response& out) {
  if (r.path == "*" || r.path.empty()) {
    out.plain = true;
    if (r.method_verb == verb::options) return true;
    out.text(404, "404 page not found\n");
    return true;
  }
  if (!parts_.rules->config.disable_http_unprintable_char_filter && !printable(r.path)) {
    out.plain = true;
    out.empty(400);
    return true;
  }
  if (r.path == "/") {
    out.plain = true;
    if (parts_.rules->config.ui) redirect(r, parts_.rules->config.ui_content_path, out);
    else out.text(200, "Consul Agent");
    return true;
  }
  return false;
}

bool front::refuse_by_rules(size_t row, request& r, response& out) {
  const server_rules& rules = *parts_.rules;
  if (r.bad_query) return out.empty(500), true;
  if (!rules.config.http_block_endpoints.empty() && rules.blocked(r.path))
    return out.text(403, "Endpoint is blocked by agent configuration"), true;
  if (r.method_verb == verb::options) return out.header("Allow", rules.allow[row]), true;
  if (!(static_cast<uint8_t>(r.method_verb) & rules.rows[row].methods & 15)) {
    out.text(405, "method " + std::string(r.method) + " not allowed");
    out.header("Allow", rules.allow[row]);
    return true;
  }
  if (r.method_verb != verb::get && !rules.may_write(r.peer)) return out.text(403, "Access is restricted"), true;
  return r.path != "/v1/catalog/nodes" && !refuse_namespace(r, out); // nodes are in no namespace
}

// "http.GET.v1.kv._": by the route's pattern, so that no client chooses names. Other verbs than these five are not measured.
void front::measure(size_t row, const request& r, reply_facts& f) {
  static constexpr std::string_view verbs[] = {"GET", "POST", "PUT", "DELETE", "HEAD"};
  auto bit = static_cast<size_t>(std::countr_zero(static_cast<unsigned>(r.method_verb)));
  if (bit >= std::size(verbs)) return;
  if (measured_.empty()) measured_.resize(parts_.rules->rows.size());
  auto& kept = measured_[row][bit];
  if (!kept) {
    std::string name = "http." + std::string(verbs[bit]);
    for (char c : parts_.rules->rows[row].pattern) name += c == '/' ? '.' : c;
    if (name.ends_with('.')) name += '_';
    kept = &telemetry::sample(name);
  }
  f.took = kept;
  f.began = std::chrono::steady_clock::now();
}

void front::dispatch(connection& c, request& r, response& out) {
  if (answer_before_routing(r, out)) return;
  auto m = parts_.rules->paths.match(r.path);
  if (m.what == route_match::kind::redirect) return redirect(r, m.location, out);
  if (m.what == route_match::kind::absent) {
    out.plain = true;
    return out.empty(404);
  }
  measure(m.row, r, c.facts());
  r.tail = m.tail;
  matched_prefix_ = r.path.size() - m.tail.size();
  if (refuse_by_rules(m.row, r, out)) return;
  exchange x(r, env_, out, c);
  parts_.rules->rows[m.row].handler(x);
}

// ---- reads ------------------------------------------------------------------------------------------------------

meta_headers front::meta_of(const query_kind& k, const query_options& o, uint64_t index) const {
  meta_headers m;
  m.present = true;
  m.index = index;
  m.known_leader = parts_.status->known_leader.load(std::memory_order_relaxed) || parts_.status->leader.load(std::memory_order_relaxed);
  if (k.send_consistency) m.consistency = consistency_text(o.mode);
  return m;
}

bool front::check_options(const query_options& o, const query_kind& k, response& out) {
  std::string_view refusal;
  if (!o.datacenter.empty() && o.datacenter != parts_.rules->config.datacenter) refusal = "No path to datacenter";
  else if (o.mode != consistency::stale && !parts_.status->leader.load(std::memory_order_acquire)) refusal = "No cluster leader";
  if (refusal.empty()) return true;
  out.text(500, refusal);
  if (k.meta_on_error) {
    out.meta.present = true;
    out.meta.known_leader = false;
  }
  return false;
}

// Path and parameters, without what changes neither the answer nor what it waits for.
void front::make_key(const request& r) {
  static constexpr std::string_view left_out[] = {"index", "wait",  "pretty", "token",    "stale", "consistent",
                                                  "leader", "cached", "max_stale", "dc"};
  key_.assign(r.path);
  key_ += '\0';
  std::string_view q = r.raw_query;
  while (!q.empty()) {
    size_t end = q.find_first_of("&;");
    std::string_view pair = q.substr(0, end), name = pair.substr(0, pair.find('='));
    q = end == q.npos ? std::string_view{} : q.substr(end + 1);
    if (pair.empty() || std::find(std::begin(left_out), std::end(left_out), name) != std::end(left_out)) continue;
    (key_ += pair) += '&';
  }
}

nanos front::wait_of(const query_options& o) {
  auto& config = parts_.rules->config;
  nanos wait = o.wait.count() <= 0 ? config.default_query_time : std::min(o.wait, config.max_query_time);
  return wait + nanos(random_.below(static_cast<uint64_t>(wait.count() / 16) + 1));
}

void front::read_state(exchange& x, connection& c, const query_kind& k) {
  query_options o;
  response& out = x.out;
  if (!parse_query_options(x.req, o, out) || !check_options(o, k, out)) return;
  const bool cached = o.cached && k.honours_cached;
  if (cached) c.facts().cache = "MISS";
  c.facts().consistency = k.send_consistency ? consistency_text(o.mode) : std::string_view{};
  const bool blocking = o.min_index > 0;
  if (blocking || k.index) make_key(x.req);
  if (cached) key_ += "?cached"; // an entry of its own, so that the first one who asks is told that it was a miss
  if (blocking && groups_.join(key_, o.min_index, c, wait_of(o))) return;
  std::shared_ptr<encoded_answer> ready;
  uint64_t index = 0, valid_at = 0;
  raft_index seen;
  bool failed = false;
  {
    read_view view = views_.open();
    query_meta meta;
    topics_.clear();
    if (blocking) meta.topics = &topics_;
    http::query q{x.req, o, env_, view, meta, out};
    if (k.index) {
      valid_at = k.index(q);
      ready = cache_.find(key_, valid_at);
      if (ready) index = ready->answer().meta.index;
      if (ready && blocking && index <= o.min_index) ready = nullptr; // it has to learn what to wait for
    }
    if (!ready) {
      k.run(q);
      index = meta.index;
      failed = out.status >= 400 && out.status != 404;
    }
    seen = view.applied_index();
  }
  if (ready) {
    out.answered = true;
    if (cached) c.facts().cache = "HIT";
    return c.send_shared(*ready, meta_of(k, o, index));
  }
  if (failed) {
    out.meta.present = k.meta_on_error;
    out.meta.known_leader = false;
    return;
  }
  if (blocking && index <= o.min_index)
    return groups_.park(key_, k, matched_prefix_, index, topics_, seen, o.min_index, c, wait_of(o));
  out.meta = meta_of(k, o, index);
  if (!k.index || out.status != 200) return;
  auto shared = std::make_shared<encoded_answer>(std::move(out));
  cache_.put(key_, valid_at, shared);
  out.clear();
  out.answered = true;
  c.send_shared(*shared, meta_of(k, o, index));
}

front::rerun front::run_again(const query_group& g) {
  rerun r;
  size_t split = g.key.rfind('\0');
  request q;
  q.path = g.key.substr(0, split);
  q.raw_query = std::string_view(g.key).substr(split + 1);
  q.tail = std::string_view(q.path).substr(std::min(g.prefix, q.path.size()));
  parse_query(q.raw_query, q.params, q.arena);
  query_options o;
  parse_query_options(q, o, r.out);
  read_view view = views_.open();
  query_meta meta;
  meta.topics = &r.topics;
  http::query run{q, o, env_, view, meta, r.out};
  g.kind.run(run);
  r.index = meta.index;
  r.seen = view.applied_index();
  r.failed = r.out.status >= 400 && r.out.status != 404;
  r.out.meta = meta_of(g.kind, o, r.index);
  return r;
}

void front::send_shared(connection& c, encoded_answer& a) {
  meta_headers m = a.answer().meta;
  m.consistency = c.facts().consistency;
  c.send_shared(a, m);
}

void front::send_watch(watch_add m) {
  m.sink = self_.address();
  self_->send(parts_.watch, std::move(m));
}

void front::send_unwatch(uint64_t id) { unwatched_.push_back(id); }

// ---- writes -----------------------------------------------------------------------------------------------------

void front::propose(connection& c, std::string command, applied_fn then) {
  c.set_busy();
  uint64_t id = next_write_++;
  writes_.emplace(id, pending_write{c.weak_from_this(), c.serial(), then, write_sample(command), std::chrono::steady_clock::now()});
  write_deadlines_.emplace_back(loop_.now() + parts_.rules->config.rpc_hold_timeout, id);
  gathered_.push_back({id, std::move(command)});
}

// All writes of the iteration leave as one message, and so do the watches that nobody waits for any more.
void front::end_of_iteration() {
  if (ended_) return;
  if (!gathered_.empty()) {
    proposals m;
    m.batch.swap(gathered_);
    m.reply_to = self_.address();
    self_->send(parts_.router, std::move(m));
    if (!sweeping_) {
      sweeping_ = true;
      loop_.call_after(1s, [this] { expire_writes(); });
    }
  }
  if (!unwatched_.empty()) {
    watch_remove m;
    m.ids.swap(unwatched_);
    m.sink = self_.address();
    self_->send(parts_.watch, std::move(m));
  }
}

void front::applied(const proposals_done& m) {
  const auto now = std::chrono::steady_clock::now();
  for (auto& done : m.outcomes) {
    auto it = writes_.find(done.id);
    if (it == writes_.end()) continue; // it had timed out
    pending_write w = std::move(it->second);
    writes_.erase(it);
    if (w.took) w.took->record(std::chrono::duration<double, std::milli>(now - w.began).count());
    auto c = w.who.lock();
    if (!c || !c->is_open() || !c->busy() || c->serial() != w.serial) continue;
    response_.clear();
    if (done.result.failure.code != errc::none) response_.fail(done.result.failure);
    else if (w.then) w.then(done.result, response_);
    else response_.json(done.result.value ? "true" : "false");
    c->send(response_);
  }
}

void front::expire_writes() {
  auto now = loop_.now();
  while (!write_deadlines_.empty() && (write_deadlines_.front().first <= now || !writes_.contains(write_deadlines_.front().second))) {
    uint64_t id = write_deadlines_.front().second;
    write_deadlines_.pop_front();
    if (!writes_.contains(id)) continue;
    proposals_done late;
    late.outcomes.emplace_back();
    late.outcomes.back().id = id;
    late.outcomes.back().result.failure = {errc::unknown_outcome, "rpc error making call: timed out waiting for the write to be applied"};
    applied(late);
  }
  sweeping_ = !write_deadlines_.empty();
  if (sweeping_) loop_.call_after(1s, [this] { expire_writes(); });
}

} // namespace actord::http
