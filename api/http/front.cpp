#include "api/http/front.hpp"
#include "api/http/core/logged_url.hpp"
#include "api/http/core/uri.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/heaviest.hpp"
#include "runtime/net/household.hpp"
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

} // namespace

front::front(net::io_loop& loop, front_parts parts)
    : loop_(loop), turns_(loop), parts_(std::move(parts)),
      self_(net::loop_actor::make(parts_.system, loop, [this](net::loop_actor*) { return handlers(); })),
      views_(parts_.store),
      env_{{parts_.rules->config, self_, parts_.router, *parts_.status, parts_.autopilot, parts_.cluster},
           parts_.system, loop, parts_.agent, parts_.board, views_, *this},
      groups_(*this, loop), cache_(parts_.cache_bytes), random_(parts_.seed), read_buffer_(read_buffer_bytes, 0),
      writes_(self_, {parts_.router, parts_.store ? rpc_handle() : parts_.cluster.rpc}, parts_.rules->config.rpc_hold_timeout, [this](pending_write& w, const apply_result& r) { written(w, r); },
              [](pending_write& w) { return still_waiting(w.who, w.serial) != nullptr; }),
      currency_(self_, parts_.router), allowed_(loop, [this](const pending_read& p) { read_allowed(p); }) {
  loop_.at_iteration_end([this] { end_of_iteration(); });
}

front::~front() { shutdown(); }

caf::behavior front::handlers() {
  return {
      [this](proposals_done& m) { writes_.applied(m); },
      [this](watch_fired& m) { groups_.fired(m); },
      [this](reads_allowed& m) {
        currency_.allowed(m);
        allowed_.begin();
      },
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
  parts_.clients->leave(c.peer());
  auto it = connections_.find(&c);
  if (it == connections_.end()) return;
  loop_.retire(std::move(it->second));
  connections_.erase(it);
}

void front::shutdown() {
  if (ended_) return;
  ended_ = true;
  groups_.clear();
  currency_.clear();
  allowed_.clear();
  while (!connections_.empty()) {
    auto c = connections_.begin()->second;
    c->close();
  }
  self_->quit_loop();
}

// A request is bounded, and an answer is what was asked for; that very many are not finished, or not taken, is bounded here.
void front::account(size_t before, size_t now) {
  held_ = held_ - before + now;
  looked_at_ = std::min(looked_at_, held_);
  if (held_ <= parts_.memory || held_ - looked_at_ <= parts_.memory / 8 || ended_ || std::exchange(bounding_, true)) return;
  loop_.post([this] { bound_held(); });
}

void front::bound_held() {
  bounding_ = false;
  std::vector<std::shared_ptr<connection>> all;
  std::vector<net::holding> holdings;
  size_t sum = 0;
  for (auto& [raw, c] : connections_) {
    if (c->counted() == 0) continue;
    all.push_back(c);
    holdings.push_back({net::household_of(c->peer()), c->held()});
    sum += c->held();
  }
  for (const auto place : net::heaviest(holdings, sum - std::min(sum, parts_.memory))) {
    auto& goes = *all[place];
    log::warn("agent.http", "closing a connection of the address that makes us hold the most: from={} bytes={} of={}", goes.peer(), holdings[place].bytes, sum);
    goes.close();
  }
  looked_at_ = held_;
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
    if (r.path == "*") {
      out.close = r.minor_version > 0; // Go's mux asks for that of HTTP/1.1 only
      return out.empty(400), true;
    }
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
    out.text(200, "Consul Agent"); // a configuration that asks for the web page, too, until there is one
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
  f.began = std::chrono::steady_clock::now();
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
}

// Who asked for what, as Consul's log tells it. Kept for the request's end, when its parts are gone.
void front::describe(connection& c, const request& r) {
  c.facts().line = std::make_unique<std::string>("method=" + std::string(r.method) + " url=" + logged_url(r.target) + " from=" + c.peer_endpoint());
}

void front::log_failure(connection& c, const response& r) {
  if (!c.facts().took || r.kind != body_kind::text) return;
  if (!c.facts().line && !c.busy()) describe(c, request_);
  if (c.facts().line) log::err("agent.http", "Request error: {} error=\"{}\"", *c.facts().line, r.body);
  if (!log::enabled(log::level::debug)) c.facts().line = nullptr;
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
  if (log::enabled(log::level::debug)) describe(c, r);
  r.tail = m.tail;
  matched_prefix_ = r.path.size() - m.tail.size();
  if (refuse_by_rules(m.row, r, out)) return;
  exchange x(r, env_, out, c);
  serving_ = &c;
  parts_.rules->rows[m.row].handler(x);
}

// ---- writes -----------------------------------------------------------------------------------------------------

void front::propose(connection& c, std::string bytes, const write_row& row, std::string_view of) {
  c.set_busy();
  if (bytes.size() > long_body) c.hold_elsewhere(bytes.size());
  writes_.propose(std::move(bytes), {c.weak_from_this(), c.serial(), &row, std::string(of)}, [&c] { return c.source(); }, *row.method);
}

// All writes of the iteration leave as one message, and so do the watches that nobody waits for any more.
void front::end_of_iteration() {
  if (ended_) return;
  writes_.send();
  if (!writes_.empty() && !std::exchange(sweeping_, true)) loop_.call_after(1s, [this] { expire_writes(); });
  if (!unwatched_.empty()) {
    watch_remove m;
    m.ids.swap(unwatched_);
    m.sink = self_.address();
    self_->send(parts_.watch, std::move(m));
  }
}

void front::written(const pending_write& w, const apply_result& r) {
  auto c = still_waiting(w.who, w.serial);
  if (!c) return;
  const bool tell_index = c->facts().tell_index && r.failure.code == errc::none;
  if (say_elsewhere(w, r, tell_index)) return;
  response_.clear();
  if (r.failure.code != errc::none) response_.fail(r.failure);
  else show_written(w, r, tell_index, response_);
  c->send(response_);
}

// In any thread.
void front::show_written(const pending_write& w, const apply_result& r, bool tell_index, response& out) const {
  if (parts_.store) w.row->applied(r, w.of, out);
  else w.row->replied(r.body, w.of, out);
  if (tell_index) out.header("X-Consul-Index", std::to_string(r.index));
}

void front::expire_writes() {
  if (ended_) return;
  writes_.expire();
  sweeping_ = !writes_.empty();
  if (sweeping_) loop_.call_after(1s, [this] { expire_writes(); });
}

} // namespace actord::http
