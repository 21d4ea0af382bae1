#include "api/watch/agent_watches.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/child.hpp"

namespace actord::watch {
namespace {

constexpr size_t kept_output = 4 * 1024; // of a handler, for the log

std::string shown(const configured_watch& w) {
  if (w.http) return w.http->path;
  if (!w.handler.empty()) return w.handler;
  std::string out = "[";
  for (auto& a : w.args) out += (out.size() > 1 ? " " : "") + a;
  return out + "]";
}

std::string with_note(const std::string& output, uint64_t all) {
  if (all <= output.size()) return output;
  return "Captured " + std::to_string(output.size()) + " of " + std::to_string(all) + " bytes\n...\n" + output;
}

void send_view(const http_handler& h, uint64_t index, const std::string& view) {
  auto url = net::parse_http_url(h.path);
  auto failed = [&](const std::string& why) { log::err("agent", "Failed to invoke http watch handler: watch_handler={} error=\"{}\"", h.path, why); };
  if (!url) return failed(url.err().text);
  cli::client_settings to;
  to.address = url->scheme + "://" + url->authority();
  to.verify = !h.tls_skip_verify;
  to.patience = h.timeout;
  to.user_password = url->user_info;
  auto client = cli::http_client::open(std::move(to));
  if (!client) return failed(client.err().text);
  cli::api_request r;
  r.method = h.method;
  r.raw_target = url->target;
  r.body = view + "\n";
  r.headers = {{"Content-Type", "application/json"}, {"X-Consul-Index", std::to_string(index)}};
  for (auto& [name, values] : h.header)
    for (auto& v : values) r.headers.push_back({name, v});
  auto answer = (*client)->send(r);
  if (!answer) return failed(answer.err().text);
  const auto all = answer->body.size();
  const auto output = with_note(answer->body.substr(0, kept_output), all);
  if (answer->code / 100 == 2) log::debug("agent", "http watch handler output: watch_handler={} output={}", h.path, output);
  else log::err("agent", "http watch handler failed with output: watch_handler={} status={} output={}", h.path, answer->code, output);
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

void agent_watches::stop() {
  {
    std::lock_guard hold(lock_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& r : runners_) r->client->interrupt();
  for (auto& r : runners_) r->thread.join();
  runners_.clear();
  stopping_ = false;
}

void agent_watches::replace(std::vector<configured_watch> watches, const cli::client_settings& agent) {
  stop();
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
    r.thread = std::thread([this, &r] { follow_one(r); });
  }
}

bool agent_watches::pause(nanos patience) {
  std::unique_lock hold(lock_);
  return !wake_.wait_for(hold, patience, [this] { return stopping_.load(); });
}

void agent_watches::follow_one(runner& r) {
  hooks h;
  h.go_on = [this] { return !stopping_.load(); };
  h.changed = [this, &r](uint64_t index, const std::string& view) {
    handle(r, index, view);
    return !stopping_.load();
  };
  h.failed = [this, &r](const std::string& why, nanos retry) {
    log::err("agent.watch.watch", "Watch errored: type={} error=\"{}\" retry={}", r.watch.what.type, why, format_duration(retry));
    return pause(retry);
  };
  follow(*r.client, r.watch.what, r.watch.first, h);
}

void agent_watches::handle(const runner& r, uint64_t index, const std::string& view) {
  auto& w = r.watch;
  if (w.http) return send_view(*w.http, index, view);
  net::child_command command{w.args, false};
  if (!w.handler.empty()) command = {{w.handler}, true};
  auto ran = net::run_child(command, {"CONSUL_INDEX=" + std::to_string(index)}, view + "\n",
                            {.capture = kept_output, .stop = [this] { return stopping_.load(); }, .output = {}});
  auto why = ran.failed_start.empty() ? ran.failed_end : ran.failed_start;
  if (!why.empty()) log::err("agent", "Failed to run watch handler: watch_handler={} error=\"{}\"", shown(w), why);
  log::debug("agent", "watch handler output: watch_handler={} output={}", shown(w), with_note(ran.output, ran.output_bytes));
}

} // namespace actord::watch
