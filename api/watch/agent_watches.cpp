#include "api/watch/agent_watches.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/secrets.hpp"
#include "runtime/base/thread_start.hpp"
#include "runtime/net/child.hpp"

namespace actord::watch {
namespace {

constexpr size_t kept_output = 4 * 1024; // of a handler, for the log

std::string shown(const configured_watch& w) {
  if (w.http) return hide_secrets(w.http->path);
  if (!w.handler.empty()) return hide_secrets(w.handler);
  std::string out = "[";
  for (auto& a : hide_secrets_in(w.args)) out += (out.size() > 1 ? " " : "") + a;
  return out + "]";
}

std::string with_note(const std::string& output, uint64_t all) {
  if (all <= output.size()) return output;
  return "Captured " + std::to_string(output.size()) + " of " + std::to_string(all) + " bytes\n...\n" + output;
}

} // namespace

cli::client_settings own_api(const node_config& c) {
  cli::client_settings s;
  const bool plain = !c.http_addrs.empty();
  auto& list = plain ? c.http_addrs : c.https_addrs;
  if (list.empty()) return s;
  auto at = list.front();
  for (auto& a : list)
    if (!a.is_unix()) {
      at = a;
      break;
    }
  if (at.is_unix()) {
    s.address = "unix://" + at.unix_path;
    return s;
  }
  if (at.host == "0.0.0.0") at.host = "127.0.0.1";
  if (at.host == "::" || at.host == "[::]") at.host = "::1";
  s.address = (plain ? "http://" : "https://") + at.host_port();
  if (!plain) {
    // It is ourselves whom we ask, under whatever name our certificate has.
    s.verify = false;
    s.client_cert = c.cert_file;
    s.client_key = c.key_file;
  }
  return s;
}

void agent_watches::runner::stop() {
  {
    std::lock_guard hold(lock);
    stopping = true;
    if (handler != nullptr) handler->interrupt();
  }
  wake.notify_all();
  client->interrupt();
}

void agent_watches::stop() {
  for (auto* all : {&runners_, &ending_}) {
    for (auto& r : *all) r->stop();
    for (auto& r : *all) r->thread.join();
    all->clear();
  }
}

// Whoever reloads the configuration must not wait for a handler: it may be any program, or a server that is silent.
void agent_watches::join_ended() {
  std::erase_if(ending_, [](auto& r) {
    if (!r->ended.load()) return false;
    r->thread.join();
    return true;
  });
}

void agent_watches::replace(std::vector<configured_watch> watches, const cli::client_settings& agent) {
  for (auto& r : runners_) {
    r->stop();
    ending_.push_back(std::move(r));
  }
  runners_.clear();
  join_ended();
  for (auto& w : watches) {
    auto settings = agent;
    settings.token = w.token;
    auto client = cli::http_client::open(std::move(settings));
    if (!client) {
      log::err("agent", "Failed to run watch: error=\"{}\"", client.err().text);
      continue;
    }
    auto& r = *runners_.emplace_back(std::make_unique<runner>());
    r.watch = std::move(w);
    r.client = std::move(*client);
    auto t = start_thread("watch", [&r] {
      r.follow_one();
      r.ended = true;
    });
    if (t) {
      r.thread = std::move(*t);
      continue;
    }
    log::err("agent", "Failed to run watch: error=\"{}\"", t.err().text);
    runners_.pop_back();
  }
}

bool agent_watches::runner::pause(nanos patience) {
  std::unique_lock hold(lock);
  return !wake.wait_for(hold, patience, [this] { return stopping.load(); });
}

void agent_watches::runner::follow_one() {
  hooks h;
  h.go_on = [this] { return !stopping.load(); };
  h.changed = [this](uint64_t index, const std::string& view) {
    handle(index, view);
    return !stopping.load();
  };
  h.failed = [this](const std::string& why, nanos retry) {
    log::err("agent.watch.watch", "Watch errored: type={} error=\"{}\" retry={}", watch.what.type, why, format_duration(retry));
    return pause(retry);
  };
  follow(*client, watch.what, watch.first, h);
}

void agent_watches::runner::send_view(const http_handler& h, uint64_t index, const std::string& view) {
  auto url = net::parse_http_url(h.path);
  const auto shown_path = hide_secrets(h.path);
  auto failed = [&](const std::string& why) {
    log::err("agent", "Failed to invoke http watch handler: watch_handler={} error=\"{}\"", shown_path, hide_secrets_of(h.path, why));
  };
  if (!url) return failed(url.err().text);
  cli::client_settings to;
  to.address = url->scheme + "://" + url->place();
  to.verify = !h.tls_skip_verify;
  to.patience = h.timeout;
  to.user_password = url->user_info;
  auto to_handler = cli::http_client::open(std::move(to));
  if (!to_handler) return failed(to_handler.err().text);
  cli::api_request r;
  r.method = h.method;
  r.raw_target = url->target;
  r.body = view + "\n";
  r.kept_body = kept_output;
  r.headers = {{"Content-Type", "application/json"}, {"X-Consul-Index", std::to_string(index)}};
  for (auto& [name, values] : h.header)
    for (auto& v : values) r.headers.push_back({name, v});
  const auto under_way = [&](cli::http_client* c) {
    std::lock_guard hold(lock);
    handler = c;
    return !stopping.load();
  };
  if (!under_way(to_handler->get())) return void(under_way(nullptr));
  auto answer = (*to_handler)->send(r);
  under_way(nullptr);
  if (!answer) return failed(answer.err().text);
  const auto output = with_note(answer->body, answer->body_bytes);
  if (answer->code / 100 == 2) log::debug("agent", "http watch handler output: watch_handler={} output={}", shown_path, output);
  else log::err("agent", "http watch handler failed with output: watch_handler={} status={} output={}", shown_path, answer->code, output);
}

void agent_watches::runner::handle(uint64_t index, const std::string& view) {
  auto& w = watch;
  if (w.http) return send_view(*w.http, index, view);
  net::child_command command{w.args, false};
  if (!w.handler.empty()) command = {{w.handler}, true};
  auto ran = net::run_child(command, {"CONSUL_INDEX=" + std::to_string(index)}, view + "\n",
                            {.capture = kept_output, .stop = [this] { return stopping.load(); }, .output = {}});
  auto why = ran.failed_start.empty() ? ran.failed_end : ran.failed_start;
  if (!why.empty()) log::err("agent", "Failed to run watch handler: watch_handler={} error=\"{}\"", shown(w), why);
  log::debug("agent", "watch handler output: watch_handler={} output={}", shown(w), with_note(ran.output, ran.output_bytes));
}

} // namespace actord::watch
