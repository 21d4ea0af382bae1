// /v1/kv/: one key, a prefix, its keys; set, cas, lock, delete.
#include "api/endpoints/kv.hpp"
#include "api/http/routes.hpp"
#include "api/http/write.hpp"
#include <algorithm>
#include <charconv>

namespace actord::http {
namespace {

// A key's entry in a list, or what it holds as it is.
struct one_entry {
  bool raw = false;
  class sink final : public endpoints::rows<kv_entry> {
  public:
    sink(const one_entry& how, response& out) : raw_(how.raw), out_(out) {}
    bool add(const kv_entry& e) override {
      found_ = true;
      if (raw_) return show_raw(e);
      auto w = out_.begin_json();
      w.begin_array();
      json_encode(w, e);
      w.end_array();
      return true;
    }
    void finish() {
      if (!found_) out_.empty(404);
    }

  private:
    bool show_raw(const kv_entry& e) {
      out_.kind = body_kind::other;
      out_.content_type = "text/plain";
      out_.body = e.value;
      out_.header("Content-Security-Policy", "sandbox");
      out_.header("X-Content-Type-Options", "nosniff");
      return true;
    }
    const bool raw_;
    response& out_;
    bool found_ = false;
  };
};

void get_keys(exchange& x, const query_options& o) {
  auto q = arguments_of<rpc::key_list_request>(x, o);
  q.prefix = x.req.tail;
  q.separator = x.req.param("separator");
  if (q.separator.empty()) q.separator = x.req.param("seperator"); // the old spelling
  const auto none = x.req.tail.empty() ? when_none::list : when_none::absent;
  x.read(bind<endpoints::kv::list_keys>({}, std::move(q), json_list<std::string>{.none = none}), o);
}

void get(exchange& x, const query_options& o) {
  if (x.req.has_param("keys")) return get_keys(x, o);
  const bool tree = x.req.has_param("recurse");
  if (!tree && x.req.tail.empty()) return x.out.text(400, "Missing key name");
  auto q = arguments_of<rpc::key_request>(x, o);
  q.key = x.req.tail;
  if (tree) return x.read(bind<endpoints::kv::list>({}, std::move(q), json_list<kv_entry>{.none = when_none::absent}), o);
  x.read(bind<endpoints::kv::get>({}, std::move(q), one_entry{x.req.has_param("raw")}), o);
}

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

void put(exchange& x, const query_options& o) {
  if (x.req.tail.empty()) return x.out.text(400, "Missing key name");
  if (conflicting(x, {"cas", "acquire", "release"})) return;
  auto r = arguments_of<kv_request>(x, o);
  auto& e = r.entry;
  if (!number_param(x, "flags", e.flags) || !number_param(x, "cas", e.modify_index)) return;
  r.op = kv_set;
  if (x.req.has_param("cas")) r.op = kv_cas;
  if (x.req.has_param("acquire")) r.op = kv_lock, e.session = x.req.param("acquire");
  if (x.req.has_param("release")) r.op = kv_unlock, e.session = x.req.param("release");
  e.key = x.req.tail;
  e.value = x.req.body;
  write<endpoints::kv::apply, show_done>(x, std::move(r));
}

void del(exchange& x, const query_options& o) {
  if (conflicting(x, {"recurse", "cas"})) return;
  bool recurse = x.req.has_param("recurse");
  if (!recurse && x.req.tail.empty()) return x.out.text(400, "Missing key name");
  auto r = arguments_of<kv_request>(x, o);
  if (!number_param(x, "cas", r.entry.modify_index)) return;
  r.op = recurse ? kv_delete_tree : x.req.has_param("cas") ? kv_delete_cas : kv_delete;
  r.entry.key = x.req.tail;
  write<endpoints::kv::apply, show_done>(x, std::move(r));
}

} // namespace

void kv_endpoint(exchange& x) {
  query_options o;
  if (!x.options(o)) return;
  if (x.req.method_verb == verb::get) get(x, o);
  else if (x.req.method_verb == verb::put) put(x, o);
  else del(x, o);
}

} // namespace actord::http
