// Reads on a client agent: the handler runs on a view that holds what servers answered (storage/state/read_view_remote.hpp).
// Calls that it lacked are made, and it runs again.
#include "api/http/core/uri.hpp"
#include "api/http/front.hpp"
#include "storage/state/read_view_remote.hpp"
#include <algorithm>

namespace actord::http {

namespace {
constexpr int most_rounds = 8; // calls that follow from the answers of others
constexpr size_t long_answer = 32 << 10; // bytes; decoding more, and encoding it again, takes longer than others should wait
} // namespace

// One request that waits for servers.
struct remote_read {
  std::weak_ptr<connection> who;
  uint64_t serial = 0;
  std::string path, raw_query;
  size_t prefix = 0;
  query_kind kind;
  nanos max_stale{0};
  nanos wait{0};
  consistency mode = consistency::leader;
  remote_view view{{}};
  size_t under_way = 0;
  int rounds = 0;
  bool done = false;
  error failure;
};

namespace {

remote_options options_for(const query_options& o, const node_config& config, bool plain) {
  remote_options r;
  r.datacenter = o.datacenter.empty() ? config.datacenter : std::string(o.datacenter);
  r.token = o.token;
  r.allow_stale = o.mode == consistency::stale;
  r.require_consistent = o.mode == consistency::consistent;
  if (!plain) r.min_index = o.min_index;
  r.max_query_time = o.wait;
  for (auto& [name, value] : o.node_meta) r.node_meta.emplace_back(name, value);
  r.near = o.near == "_agent" ? config.node_name : std::string(o.near);
  return r;
}

std::string_view mode_text(consistency m) {
  return m == consistency::stale ? "stale" : m == consistency::consistent ? "consistent" : "leader";
}

} // namespace

void front::ask_servers(exchange& x, connection& c, const query_kind& k, query_options o) {
  const auto& config = parts_.rules->config;
  auto r = std::make_shared<remote_read>();
  r->who = c.weak_from_this();
  r->serial = c.serial();
  r->path = x.req.path;
  r->raw_query = x.req.raw_query;
  r->prefix = matched_prefix_;
  r->kind = k;
  r->max_stale = o.max_stale;
  r->wait = o.wait.count() > 0 ? std::min(o.wait, config.max_query_time) : config.default_query_time;
  r->mode = o.mode;
  r->view = remote_view(options_for(o, config, k.plain));
  if (o.cached && k.honours_cached) c.facts().cache = "MISS";
  run_remote(*r, x.req, x.out);
  if (r->view.complete()) return; // it did not come to asking: a bad filter
  c.set_busy();
  x.out.clear();
  x.out.answered = true;
  make_calls(r);
}

void front::run_remote(remote_read& r, const request& q, response& out) {
  query_options o;
  if (!parse_query_options(q, o, out)) return;
  read_view view(r.view);
  query_meta meta;
  http::query run{q, o, env_, view, meta, out};
  r.kind.run(run);
  if (view.failed()) return refuse_unread(r.kind, view.failure(), out);
  if (out.status >= 400 && out.status != 404) {
    out.meta.present = r.kind.meta_on_error;
    out.meta.known_leader = false;
    return;
  }
  out.meta.present = !r.kind.plain && (out.status != 404 || out.meta.with_index);
  out.meta.index = meta.index;
  if (auto& told = r.view.decisive()) {
    out.meta.known_leader = told->known_leader;
    out.meta.last_contact_ms = static_cast<uint64_t>(std::max<int64_t>(told->last_contact.count(), 0)) / 1000000;
  }
  if (r.kind.send_consistency) out.meta.consistency = mode_text(r.mode);
}

void front::make_calls(const std::shared_ptr<remote_read>& r) {
  auto needed = r->view.take_needed();
  r->under_way += needed.size();
  for (auto& [number, call] : needed) make_call(r, number, std::move(call.method), std::move(call.arguments), call.waits);
}

void front::make_call(const std::shared_ptr<remote_read>& r, size_t number, std::string method, std::string arguments, bool waits) {
  rpc_call m{std::move(method), std::move(arguments), waits ? r->wait + r->wait / 16 + parts_.rules->config.rpc_hold_timeout : nanos(0), true};
  auto failed = [this, r, number](caf::error&) {
    rpc_answer a{{errc::internal, "agent is stopping"}, {}};
    called(*r, r, number, a);
  };
  if (!waits || r->mode == consistency::consistent) {
    self_->request(parts_.cluster.rpc, caf::infinite, std::move(m)).then([this, r, number](rpc_answer& a) { called(*r, r, number, a); }, failed);
    return;
  }
  std::string key = m.method + '\0' + m.arguments;
  auto& waiting = shared_calls_[key];
  waiting.emplace_back(r, number);
  if (waiting.size() > 1) return;
  auto all = [this, key](rpc_answer& a) {
    auto node = shared_calls_.extract(key);
    if (node.empty()) return;
    for (auto& [read, which] : node.mapped()) {
      rpc_answer copy = a;
      called(*read, read, which, copy);
    }
  };
  self_->request(parts_.cluster.rpc, caf::infinite, std::move(m)).then(all, [all](caf::error&) {
    rpc_answer a{{errc::internal, "agent is stopping"}, {}};
    all(a);
  });
}

void front::called(remote_read& r, const std::shared_ptr<remote_read>& keep, size_t number, rpc_answer& a) {
  if (a.failure.code != errc::none) r.failure = std::move(a.failure);
  else r.view.answered(number, std::move(a.body));
  if (--r.under_way == 0) continue_remote(keep);
}

void front::continue_remote(const std::shared_ptr<remote_read>& r) {
  if (r->done || !still_waiting(r->who, r->serial)) return;
  if (r->failure.code == errc::none) {
    auto& told = r->view.decisive();
    if (r->view.options().allow_stale && r->max_stale.count() > 0 && told && told->last_contact > r->max_stale) {
      r->view.ask_leader(); // older than the request allows
      r->mode = consistency::leader;
    }
    constexpr auto per_byte = std::chrono::nanoseconds(20);
    const bool taken = r->view.bytes() > long_answer && parts_.elsewhere && parts_.elsewhere->submit([this, r](reader&) {
      auto out = std::make_shared<response>();
      run_remote_again(*r, *out);
      loop_.post([this, r, out] { remote_ran(r, *out); });
    }, per_byte * r->view.bytes());
    if (taken) return;
  }
  response_.clear();
  if (r->failure.code == errc::none) {
    run_remote_again(*r, response_);
  } else {
    response_.fail(r->failure);
    response_.meta.present = r->kind.meta_on_error;
    response_.meta.known_leader = false;
  }
  remote_ran(r, response_);
}

// In any thread, while no call is under way.
void front::run_remote_again(remote_read& r, response& out) {
  request q;
  q.path = r.path;
  q.raw_query = r.raw_query;
  q.tail = std::string_view(q.path).substr(std::min(r.prefix, q.path.size()));
  parse_query(q.raw_query, q.params, q.arena);
  run_remote(r, q, out);
}

void front::remote_ran(const std::shared_ptr<remote_read>& r, response& out) {
  const auto c = ended_ ? nullptr : still_waiting(r->who, r->serial);
  if (!c) return;
  if (r->failure.code == errc::none && !r->view.complete()) {
    if (++r->rounds <= most_rounds) return make_calls(r);
    out.clear();
    out.text(500, "The answer needs too many calls to servers");
  }
  r->done = true;
  if (c->is_open() && !out.answered) c->send(out);
}

} // namespace actord::http
