// /v1/kv/: one key, a prefix, its keys; set, cas, lock, delete.
#include "api/http/handlers/refusal.hpp"
#include "api/http/routes.hpp"
#include "storage/command/commands.hpp"
#include "storage/state/read_view_long.hpp"
#include <algorithm>
#include <charconv>

namespace actord::http {
namespace {

void write_entry(json_writer& w, const kv_entry& e) { json_encode(w, e); }

void get_one(query& q) {
  thread_local kv_entry entry; // its strings keep their storage from request to request
  if (!q.view.kv_get(q.req.tail, entry, q.meta)) return q.out.empty(404);
  if (q.req.has_param("raw")) {
    q.out.kind = body_kind::other;
    q.out.content_type = "text/plain";
    q.out.body = entry.value;
    q.out.header("Content-Security-Policy", "sandbox");
    q.out.header("X-Content-Type-Options", "nosniff");
    return;
  }
  auto w = q.out.begin_json();
  w.begin_array();
  write_entry(w, entry);
  w.end_array();
}

void get_tree(query& q) {
  auto w = q.out.begin_json();
  w.begin_array();
  size_t rows = 0;
  q.view.kv_list(q.req.tail, q.meta, [&](const kv_entry& e) {
    write_entry(w, e);
    return !bounded_read::stops_at(++rows, q.out.body.size());
  });
  w.end_array();
  if (rows == 0) q.out.empty(404);
}

void get_keys(query& q) {
  if (bounded_read::on()) {
    query_meta apart;
    size_t rows = 0, bytes = 0;
    bool much = false;
    q.view.kv_list(q.req.tail, apart, [&](const kv_entry& e) { return !(much = bounded_read::stops_at(++rows, bytes += e.value.size())); });
    if (much) return;
  }
  std::string_view separator = q.req.param("separator");
  if (separator.empty()) separator = q.req.param("seperator"); // the old spelling
  auto keys = q.view.kv_keys(q.req.tail, separator, q.meta);
  if (keys.empty() && !q.req.tail.empty()) return q.out.empty(404);
  auto w = q.out.begin_json();
  w.begin_array();
  for (auto& key : keys) w.string(key);
  w.end_array();
}

constexpr query_kind one{get_one}, tree{get_tree}, keys{get_keys};

// As Go's url.QueryEscape.
void append_escaped(std::string& out, std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' || c == '~';
    auto b = static_cast<unsigned char>(c);
    if (plain) out += c;
    else if (c == ' ') out += '+';
    else ((out += '%') += digits[b >> 4]) += digits[b & 15];
  }
}

bool conflicting(exchange& x, std::initializer_list<std::string_view> flags) {
  auto given = std::count_if(flags.begin(), flags.end(), [&](std::string_view f) { return x.req.has_param(f); });
  if (given < 2) return false;
  auto params = x.req.params;
  std::stable_sort(params.begin(), params.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::string text = "Conflicting flags: ";
  for (auto& [name, value] : params) {
    if (!text.ends_with(' ')) text += '&';
    append_escaped(text, name);
    text += '=';
    append_escaped(text, value);
  }
  x.out.text(400, text);
  return true;
}

// False when the number was bad; the answer is Go's error.
bool number_param(exchange& x, std::string_view name, uint64_t& out) {
  if (!x.req.has_param(name)) return true;
  std::string_view s = x.req.param(name);
  auto [end, failure] = std::from_chars(s.data(), s.data() + s.size(), out, 10);
  if (failure == std::errc{} && end == s.data() + s.size()) return true;
  bool digits = !s.empty() && s.find_first_not_of("0123456789") == s.npos;
  x.out.text(500, "strconv.ParseUint: parsing \"" + std::string(s) + "\": " + (digits ? "value out of range" : "invalid syntax"));
  return false;
}

bool own_datacenter(exchange& x, const query_options& o) {
  if (o.datacenter.empty() || o.datacenter == x.env.config.datacenter) return true;
  x.out.text(500, as_server(x.env, "No path to datacenter"));
  return false;
}

void put(exchange& x, const query_options& o) {
  if (x.req.tail.empty()) return x.out.text(400, "Missing key name");
  if (conflicting(x, {"cas", "acquire", "release"})) return;
  uint64_t flags = 0, cas = 0;
  if (!number_param(x, "flags", flags) || !number_param(x, "cas", cas)) return;
  if (!own_datacenter(x, o)) return;
  std::string_view op = kv_set, session;
  if (x.req.has_param("cas")) op = kv_cas;
  if (x.req.has_param("acquire")) {
    op = kv_lock;
    session = x.req.param("acquire");
  }
  if (x.req.has_param("release")) {
    op = kv_unlock;
    session = x.req.param("release");
  }
  x.propose(encode_kv_command(op, x.req.tail, x.req.body, flags, cas, session));
}

void del(exchange& x, const query_options& o) {
  if (conflicting(x, {"recurse", "cas"})) return;
  bool recurse = x.req.has_param("recurse");
  if (!recurse && x.req.tail.empty()) return x.out.text(400, "Missing key name");
  uint64_t cas = 0;
  if (!number_param(x, "cas", cas)) return;
  if (!own_datacenter(x, o)) return;
  std::string_view op = recurse ? kv_delete_tree : x.req.has_param("cas") ? kv_delete_cas : kv_delete;
  x.propose(encode_kv_command(op, x.req.tail, {}, 0, cas));
}

} // namespace

void kv_endpoint(exchange& x) {
  if (x.req.method_verb == verb::get) {
    if (x.req.has_param("keys")) return x.read(keys);
    if (x.req.has_param("recurse")) return x.read(tree);
    query_options checked; // what is wrong with the options is told before what is wrong with the key
    if (x.req.tail.empty()) return x.options(checked) ? x.out.text(400, "Missing key name") : void();
    return x.read(one);
  }
  query_options o;
  if (!x.options(o)) return;
  if (x.req.method_verb == verb::put) put(x, o);
  else del(x, o);
}

} // namespace actord::http
