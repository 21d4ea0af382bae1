// The functions that a template may call: go-sockaddr's and those of text/template that are of use here.
#include "runtime/base/quote.hpp"
#include "runtime/config/address_template/run.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace actord::address_template {
namespace {

using arguments = std::vector<value>;
using outcome = result<value>;

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

const std::string& text_of(const value& v) { return *v.as<std::string>(); }
const entries& list_of(const value& v) { return **v.as<std::shared_ptr<const entries>>(); }

outcome lists(result<entries> r) {
  if (!r) return r.err();
  return list_value(std::move(*r));
}
outcome texts(result<std::string> r) {
  if (!r) return r.err();
  return value(std::move(*r));
}

outcome attr(const arguments& a, const host_facts&) {
  const auto& name = text_of(a[0]);
  if (auto* one = a[1].as<entry>()) return texts(attribute(name, *one));
  if (auto* list = a[1].as<std::shared_ptr<const entries>>()) return (*list)->empty() ? outcome(value(std::string())) : texts(attribute(name, (*list)->front()));
  return refuse(fmt::format("unable to obtain attribute {} from type {} ({})", name, a[1].type(), a[1].shown()));
}

outcome limit(const arguments& a, const host_facts&) {
  auto list = list_of(a[1]);
  const auto n = static_cast<uint64_t>(*a[0].as<int64_t>());
  if (n < list.size()) list.erase(list.begin() + static_cast<std::ptrdiff_t>(n), list.end());
  return list_value(std::move(list));
}

outcome length(const arguments& a, const host_facts&) {
  if (auto* s = a[0].as<std::string>()) return value(static_cast<int64_t>(s->size()));
  if (auto* l = a[0].as<std::shared_ptr<const entries>>()) return value(static_cast<int64_t>((*l)->size()));
  return refuse("len of type " + a[0].type());
}

outcome index(const arguments& a, const host_facts&) {
  value v = a[0];
  for (size_t i = 1; i < a.size(); ++i) {
    const auto* s = v.as<std::string>();
    const auto* l = v.as<std::shared_ptr<const entries>>();
    if (!s && !l) return refuse("can't index item of type " + v.type());
    const auto* at = a[i].as<int64_t>();
    if (!at) return refuse("cannot index slice/array with type " + a[i].type());
    if (*at < 0 || static_cast<uint64_t>(*at) >= (s ? s->size() : (*l)->size())) return refuse(fmt::format("index out of range: {}", *at));
    const auto n = static_cast<size_t>(*at);
    v = s ? value(static_cast<int64_t>(static_cast<unsigned char>((*s)[n]))) : value(entry((**l)[n]));
  }
  return v;
}

outcome slice(const arguments& a, const host_facts&) {
  const auto* s = a[0].as<std::string>();
  const auto* l = a[0].as<std::shared_ptr<const entries>>();
  if (a.size() > 4) return refuse(fmt::format("too many slice indexes: {}", a.size() - 1));
  if (!s && !l) return refuse("can't slice item of type " + a[0].type());
  if (s && a.size() == 4) return refuse("cannot 3-index slice a string");
  const auto size = static_cast<int64_t>(s ? s->size() : (*l)->size());
  int64_t bounds[3] = {0, size, size};
  for (size_t i = 1; i < a.size(); ++i) {
    const auto* at = a[i].as<int64_t>();
    if (!at) return refuse("cannot index slice/array with type " + a[i].type());
    if (*at < 0 || *at > size) return refuse(fmt::format("index out of range: {}", *at));
    bounds[i - 1] = *at;
  }
  for (int i = 0; i < 2; ++i)
    if (bounds[i] > bounds[i + 1]) return refuse(fmt::format("invalid slice index: {} > {}", bounds[i], bounds[i + 1]));
  if (s) return value(s->substr(static_cast<size_t>(bounds[0]), static_cast<size_t>(bounds[1] - bounds[0])));
  return list_value(entries((*l)->begin() + bounds[0], (*l)->begin() + bounds[1]));
}

// ---- comparisons --------------------------------------------------------------------------------------------------

struct compared {
  bool equal = false, less = false;
};

result<compared> compare(const value& a, const value& b, bool ordered) {
  const bool same = a.index() == b.index();
  const auto basic = [](const value& v) { return v.as<bool>() || v.as<int64_t>() || v.as<double>() || v.as<std::string>(); };
  for (auto* v : {&a, &b})
    if (!basic(*v)) {
      if (ordered || v->is_nil()) return refuse("invalid type for comparison");
      return refuse("uncomparable type " + v->type() + ": " + v->shown());
    }
  if (!same) return refuse("incompatible types for comparison");
  if (ordered && a.as<bool>()) return refuse("invalid type for comparison");
  if (auto* x = a.as<bool>()) return compared{*x == *b.as<bool>(), false};
  if (auto* x = a.as<int64_t>()) return compared{*x == *b.as<int64_t>(), *x < *b.as<int64_t>()};
  if (auto* x = a.as<double>()) return compared{*x == *b.as<double>(), *x < *b.as<double>()};
  return compared{text_of(a) == text_of(b), text_of(a) < text_of(b)};
}

// Is the first one of the others?
outcome equal(const arguments& a, const host_facts&) {
  if (a.size() == 1) return refuse("missing argument for comparison");
  for (size_t i = 1; i < a.size(); ++i) {
    auto c = compare(a[0], a[i], false);
    if (!c) return c.err();
    if (c->equal) return value(true);
  }
  return value(false);
}

using judge = bool (*)(const compared&);
template <bool Ordered> outcome judged(const arguments& a, judge j) {
  auto c = compare(a[0], a[1], Ordered);
  if (!c) return c.err();
  return value(j(*c));
}

outcome all_of(const arguments& a, const host_facts&) {
  for (auto& v : a)
    if (!v.truth()) return v;
  return a.back();
}
outcome any_of(const arguments& a, const host_facts&) {
  for (auto& v : a)
    if (v.truth()) return v;
  return a.back();
}

constexpr std::string_view text = "string", list = "sockaddr.IfAddrs", any = "";

const function functions[] = {
    {"GetAllInterfaces", {}, false, [](auto&, auto& h) { return lists(all_interfaces(h)); }},
    {"GetDefaultInterfaces", {}, false, [](auto&, auto& h) { return lists(default_interfaces(h)); }},
    {"GetPrivateInterfaces", {}, false, [](auto&, auto& h) { return lists(private_interfaces(h)); }},
    {"GetPublicInterfaces", {}, false, [](auto&, auto& h) { return lists(public_interfaces(h)); }},
    {"GetPrivateIP", {}, false, [](auto&, auto& h) { return texts(first_ip(private_interfaces(h))); }},
    {"GetPrivateIPs", {}, false, [](auto&, auto& h) { return texts(private_ips(h)); }},
    {"GetPublicIP", {}, false, [](auto&, auto& h) { return texts(first_ip(public_interfaces(h))); }},
    {"GetPublicIPs", {}, false, [](auto&, auto& h) { return texts(public_ips(h)); }},
    {"GetInterfaceIP", {text}, false, [](auto& a, auto& h) { return texts(interface_ip(h, text_of(a[0]))); }},
    {"GetInterfaceIPs", {text}, false, [](auto& a, auto& h) { return texts(interface_ips(h, text_of(a[0]))); }},
    {"include", {text, text, list}, false, [](auto& a, auto&) { return lists(include(text_of(a[0]), text_of(a[1]), list_of(a[2]))); }},
    {"exclude", {text, text, list}, false, [](auto& a, auto&) { return lists(exclude(text_of(a[0]), text_of(a[1]), list_of(a[2]))); }},
    {"sort", {text, list}, false, [](auto& a, auto& h) { return lists(sort(text_of(a[0]), list_of(a[1]), h)); }},
    {"unique", {text, list}, false, [](auto& a, auto&) { return lists(unique(text_of(a[0]), list_of(a[1]))); }},
    {"limit", {"uint", list}, false, limit},
    {"offset", {"int", list}, false, [](auto& a, auto&) { return lists(offset(*a[0].template as<int64_t>(), list_of(a[1]))); }},
    {"math", {text, text, list}, false, [](auto& a, auto&) { return lists(math(text_of(a[0]), text_of(a[1]), list_of(a[2]))); }},
    {"attr", {text, any}, false, attr},
    {"Attr", {text, any}, false, attr}, // of later versions
    {"join", {text, text, list}, false, [](auto& a, auto&) { return texts(join(text_of(a[0]), text_of(a[1]), list_of(a[2]))); }},
    {"and", {any}, true, all_of},
    {"or", {any}, true, any_of},
    {"not", {any}, false, [](auto& a, auto&) { return outcome(value(!a[0].truth())); }},
    {"len", {any}, false, length},
    {"index", {any}, true, index},
    {"slice", {any}, true, slice},
    {"print", {}, true, [](auto& a, auto&) { return texts(print_values(a, false)); }},
    {"println", {}, true, [](auto& a, auto&) { return texts(print_values(a, true)); }},
    {"printf", {text}, true, [](auto& a, auto&) { return texts(format_values(text_of(a[0]), {a.begin() + 1, a.end()})); }},
    {"eq", {any}, true, equal},
    {"ne", {any, any}, false, [](auto& a, auto&) { return judged<false>(a, [](auto& c) { return !c.equal; }); }},
    {"lt", {any, any}, false, [](auto& a, auto&) { return judged<true>(a, [](auto& c) { return c.less; }); }},
    {"le", {any, any}, false, [](auto& a, auto&) { return judged<true>(a, [](auto& c) { return c.less || c.equal; }); }},
    {"gt", {any, any}, false, [](auto& a, auto&) { return judged<true>(a, [](auto& c) { return !c.less && !c.equal; }); }},
    {"ge", {any, any}, false, [](auto& a, auto&) { return judged<true>(a, [](auto& c) { return !c.less; }); }},
};

} // namespace

const function* find_function(std::string_view name) {
  const auto found = std::find_if(std::begin(functions), std::end(functions), [&](auto& f) { return f.name == name; });
  return found == std::end(functions) ? nullptr : found;
}

bool is_function(std::string_view name) { return find_function(name) != nullptr; }

} // namespace actord::address_template
