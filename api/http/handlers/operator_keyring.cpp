// /v1/operator/keyring: the keys with which gossip is encrypted, in the pool of servers and in our own.
#include "api/http/ask.hpp"
#include "api/http/body_work.hpp"
#include "api/http/routes.hpp"
#include <charconv>

namespace actord::http {

namespace {

struct key_body {
  std::string key;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("Key", s.key); }
};

void counts_json(json_writer& w, std::string_view name, const map_of<int64_t>& counts) {
  w.plain_key(name);
  w.begin_object();
  for (const auto& [key, n] : counts) w.key(key), w.number(n);
  w.end_object();
}

void answers_json(response& out, const rpc::keyring_reply& r) {
  auto w = out.begin_json();
  w.begin_array();
  for (const auto& a : r.responses) {
    w.begin_object();
    w.plain_key("WAN"), w.boolean(a.wan);
    w.plain_key("Datacenter"), w.string(a.datacenter);
    w.plain_key("Segment"), w.string(a.segment);
    if (!a.messages.empty()) {
      w.plain_key("Messages");
      w.begin_object();
      for (const auto& [node, text] : a.messages) w.key(node), w.string(text);
      w.end_object();
    }
    counts_json(w, "Keys", a.keys);
    counts_json(w, "PrimaryKeys", a.primary_keys);
    w.plain_key("NumNodes"), w.number(a.nodes);
    w.end_object();
  }
  w.end_array();
}

void finish(response& out, const rpc::keyring_reply& r, bool lists) {
  std::string errors;
  size_t count = 0;
  auto add = [&](const std::string& text) {
    ++count;
    errors += "\t* " + text + "\n";
  };
  for (const auto& a : r.responses) {
    if (a.error.empty()) continue;
    add((a.wan ? std::string("WAN") : a.datacenter + " (LAN)") + " error: " + a.error);
    for (const auto& [node, text] : a.messages) add(node + ": " + text);
  }
  if (count > 0) return out.text(500, std::to_string(count) + (count == 1 ? " error occurred:\n" : " errors occurred:\n") + errors + "\n");
  if (lists) answers_json(out, r);
  else out.empty();
}

// strconv.ParseBool.
std::optional<bool> parse_flag(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) if (text == yes) return true;
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) if (text == no) return false;
  return {};
}

// Nothing when the request was answered with what is wrong with it.
std::optional<rpc::keyring_request> parse(exchange& x) {
  rpc::keyring_request keys;
  keys.datacenter = x.env.config.datacenter;
  auto refuse = [&](std::string text) {
    x.out.text(400, "Bad request: " + text);
    return std::nullopt;
  };
  const bool lists = x.req.method == "GET";
  const std::string factor(x.req.param("relay-factor")), local(x.req.param("local-only"));
  if (!factor.empty()) {
    int n = 0;
    const auto [end, bad] = std::from_chars(factor.data(), factor.data() + factor.size(), n);
    if (bad != std::errc() || end != factor.data() + factor.size()) return refuse("Error parsing relay factor: strconv.Atoi: parsing \"" + factor + "\": invalid syntax");
    if (n < 0 || n > 5) return refuse("Invalid relay-factor: Relay factor must be in range: [0, 5]");
    keys.relay_factor = static_cast<uint8_t>(n);
  }
  if (!local.empty()) {
    const auto flag = parse_flag(local);
    if (!flag) return refuse("Error parsing local-only: strconv.ParseBool: parsing \"" + local + "\": invalid syntax");
    if (*flag && !lists) return refuse("Invalid use of local-only: local-only can only be set for list requests");
    keys.local_only = *flag;
  }
  keys.operation = lists ? "list" : x.req.method == "POST" ? "install" : x.req.method == "PUT" ? "use" : "remove";
  keys.options.token = parse_token(x.req);
  return keys;
}

void change_keys(exchange& x, decoded_body<key_body>& d) {
  if (!d.outcome) return x.out.text(400, "Bad request: Request decode failed: " + d.outcome.err().text);
  auto keys = parse(x);
  if (!keys) return;
  if (!x.env.config.server || !x.env.cluster.lan) return x.out.text(500, "keyring operations must run against a server node");
  keys->key = d.record.key;
  const bool lists = keys->operation == "list";
  ask(x, dispatch::keyring, std::move(*keys), [lists](const rpc::keyring_reply& r, response& out) { finish(out, r, lists); });
}

} // namespace

void operator_keyring(exchange& x) {
  decoded_body<key_body> none;
  if (x.req.method == "GET") return change_keys(x, none);
  with_record<key_body>(x, change_keys);
}

} // namespace actord::http
