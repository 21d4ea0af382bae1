#include "runtime/config/address_template/run.hpp"
#include "runtime/base/quote.hpp"
#include "runtime/config/address_template/number.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace actord::address_template {

bool value::truth() const {
  if (is_nil()) return false;
  if (auto* b = as<bool>()) return *b;
  if (auto* i = as<int64_t>()) return *i != 0;
  if (auto* d = as<double>()) return *d != 0;
  if (auto* s = as<std::string>()) return !s->empty();
  if (auto* l = as<std::shared_ptr<const entries>>()) return !(*l)->empty();
  return true;
}

std::string value::type() const {
  if (as<bool>()) return "bool";
  if (as<int64_t>()) return "int";
  if (as<double>()) return "float64";
  if (as<std::string>()) return "string";
  if (as<std::shared_ptr<const entries>>()) return "sockaddr.IfAddrs";
  if (as<entry>()) return "sockaddr.IfAddr";
  if (auto* ip = as<ip_prefix>()) return ip->v4 ? "sockaddr.IPv4Addr" : "sockaddr.IPv6Addr";
  return is_nil() ? "<nil>" : "net.Interface";
}

value list_value(entries list) { return value(std::make_shared<const entries>(std::move(list))); }

namespace {

constexpr size_t max_steps = 50000;
constexpr size_t selection_cost = 100; // it may compile a pattern

using arguments = std::vector<value>;

class machine {
public:
  machine(std::string_view text, const host_facts& host) : text_(text), host_(host), dot_(list_value(all_interfaces(host))) {
    variables_.push_back({"$", dot_});
  }

  status walk(const node& n, const value& dot) {
    if (auto s = step(n, 1); !s) return s;
    switch (n.what) {
    case node::kind::text: return write(n.word);
    case node::kind::list:
      for (auto& child : n.children)
        if (auto s = walk(child, dot); !s) return s;
      return {};
    case node::kind::action: {
      auto v = pipeline(n.children[0], dot);
      if (!v) return v.err();
      if (!n.children[0].names.empty()) return {};
      return write(v->is_nil() ? "<no value>" : v->shown());
    }
    default: return branch(n, dot);
    }
  }

  const value& dot() const { return dot_; }
  std::string take() { return std::move(out_); }

private:
  struct variable {
    std::string name;
    value holds;
  };

  error fail(const std::string& why) const {
    const auto before = text_.substr(0, at_ ? at_->at : 0);
    const auto line_end = before.rfind('\n');
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const auto column = line_end == before.npos ? before.size() : before.size() - line_end - 1;
    return {errc::bad_request, fmt::format("{}:{}: executing \"sockaddr.Parse\" at <{}>: {}", line, column, at_ ? at_->shown() : "", why)};
  }

  status step(const node& n, size_t cost) {
    steps_ += cost;
    at_ = &n;
    if (steps_ > max_steps) return fail("the template takes too many steps");
    return {};
  }

  status write(std::string_view piece) {
    out_ += piece;
    if (out_.size() > max_value_bytes) return fail("the template makes more than 65,536 bytes");
    return {};
  }

  // ---- branches ----
  status branch(const node& n, const value& dot) {
    const auto mark = variables_.size();
    auto v = pipeline(n.children[0], dot);
    if (!v) return v.err();
    status s;
    if (n.word == "range") s = range(n, dot, *v);
    else if (v->truth()) s = walk(n.children[1], n.word == "with" ? *v : dot);
    else if (n.children.size() > 2) s = walk(n.children[2], dot);
    variables_.erase(variables_.begin() + static_cast<std::ptrdiff_t>(mark), variables_.end());
    return s;
  }

  status range(const node& n, const value& dot, const value& over) {
    const auto* list = over.as<std::shared_ptr<const entries>>();
    if (!list && !over.is_nil()) return fail("range can't iterate over " + over.shown());
    if (!list || (*list)->empty()) return n.children.size() > 2 ? walk(n.children[2], dot) : status();
    const auto mark = variables_.size();
    const auto& names = n.children[0].names;
    for (size_t i = 0; i < (*list)->size(); ++i) {
      const value element((**list)[i]);
      if (!names.empty()) find(names.back())->holds = element;
      if (names.size() > 1) find(names[0])->holds = value(static_cast<int64_t>(i));
      if (auto s = walk(n.children[1], element); !s) return s;
      variables_.erase(variables_.begin() + static_cast<std::ptrdiff_t>(mark), variables_.end());
    }
    return {};
  }

  // ---- pipelines ----
  result<value> pipeline(const node& n, const value& dot) {
    if (auto s = step(n, 1); !s) return s.err();
    value v;
    bool piped = false;
    for (auto& c : n.children) {
      auto next = command(c, dot, piped ? &v : nullptr);
      if (!next) return next;
      v = std::move(*next);
      piped = true;
    }
    for (auto& name : n.names) {
      if (!n.assigns) {
        variables_.push_back({name, v});
        continue;
      }
      auto* found = find(name);
      if (!found) return fail("undefined variable: " + name);
      found->holds = v;
    }
    return v;
  }

  variable* find(const std::string& name) {
    const auto found = std::find_if(variables_.rbegin(), variables_.rend(), [&](auto& x) { return x.name == name; });
    return found == variables_.rend() ? nullptr : &*found;
  }

  result<value> command(const node& n, const value& dot, const value* piped) {
    const auto& first = n.children[0];
    switch (first.what) {
    case node::kind::field:
    case node::kind::variable:
    case node::kind::chain: return chain(first, n, dot, piped);
    case node::kind::identifier: return call(first, n, dot, piped);
    case node::kind::pipeline: return pipeline(first, dot); // further words are ignored, as Go does
    default: break;
    }
    if (auto s = step(first, 1); !s) return s.err();
    if (auto s = not_a_function(n, piped); !s) return s.err();
    if (first.what == node::kind::nil) return fail("nil is not a command");
    return literal(first, dot);
  }

  status not_a_function(const node& n, const value* piped) const {
    if (n.children.size() > 1 || piped) return fail("can't give argument to non-function " + n.children[0].shown());
    return {};
  }

  result<value> literal(const node& n, const value& dot) {
    switch (n.what) {
    case node::kind::dot: return dot;
    case node::kind::boolean: return value(n.word == "true");
    case node::kind::string: return value(n.value);
    case node::kind::number: {
      const auto c = constant::parse(n.word);
      if (c->written_as_real) return value(c->real);
      if (!c->is_integer) return fail(n.word + " overflows int");
      return value(c->integer);
    }
    default: return value(nothing());
    }
  }

  // ---- fields, variables ----
  result<value> chain(const node& n, const node& command, const value& dot, const value* piped) {
    if (auto s = step(n, 1); !s) return s.err();
    value v = dot;
    size_t from = 0;
    if (n.what == node::kind::variable) {
      const auto* found = find(n.names[0]);
      if (!found) return fail("undefined variable: " + n.names[0]); // assigned to, but never declared
      v = found->holds;
      from = 1;
      if (n.names.size() == 1) {
        if (auto s = not_a_function(command, piped); !s) return s.err();
        return v;
      }
    } else if (n.what == node::kind::chain) {
      auto inner = argument(n.children[0], dot, "");
      if (!inner) return inner;
      v = std::move(*inner);
    }
    for (size_t i = from; i < n.names.size(); ++i) {
      const bool last = i + 1 == n.names.size();
      auto next = field(n, n.names[i], v, last ? &command : nullptr, dot, last ? piped : nullptr);
      if (!next) return next;
      v = std::move(*next);
    }
    return v;
  }

  result<value> field(const node& n, const std::string& name, const value& of, const node* command, const value& dot, const value* piped) {
    const size_t given = (command ? command->children.size() - 1 : 0) + (piped ? 1 : 0);
    const auto* one = of.as<entry>();
    const bool method = name == "String" || name == "Type" || name == "Len" || (name == "Attr" && one);
    if (name == "Attr" && one) {
      if (given != 1) return fail(fmt::format("wrong number of args for Attr: want 1 got {}", given));
      auto attr = piped ? result<value>(*piped) : argument(command->children[1], dot, "string");
      if (!attr) return attr;
      if (!attr->as<std::string>()) return fail("wrong type for value; expected string; got " + attr->type());
      auto text = attribute(*attr->as<std::string>(), *one);
      at_ = &n;
      if (!text) return fail("error calling Attr: " + text.err().text);
      return value(std::move(*text));
    }
    value out;
    if (!plain_field(name, of, out)) return fail("can't evaluate field " + name + " in type " + of.type());
    if (given > 0)
      return fail(method ? fmt::format("wrong number of args for {}: want 0 got {}", name, given) : name + " has arguments but cannot be invoked as function");
    return out;
  }

  static bool plain_field(const std::string& name, const value& of, value& out) {
    const auto* list = of.as<std::shared_ptr<const entries>>();
    if (list && name == "Len") return out = value(static_cast<int64_t>((*list)->size())), true;
    const auto* one = of.as<entry>();
    const auto* ip = one ? &one->ip : of.as<ip_prefix>();
    const auto* const* held = of.as<const host_facts::interface_address*>();
    const auto* link = one ? one->link : held ? *held : nullptr;
    if (one && name == "String") return out = value(one->text()), true;
    if (one && name == "SockAddr") return out = value(one->ip), true;
    if (one && name == "Interface") return out = value(one->link), true;
    if (ip && name == "String") return out = value(ip->text()), true;
    if (ip && name == "Type") return out = value(std::string(type_text(*ip))), true;
    if (!link) return false;
    if (name == "Name") out = value(link->name);
    else if (name == "Index") out = value(static_cast<int64_t>(link->index));
    else if (name == "MTU") out = value(static_cast<int64_t>(link->mtu));
    else if (name == "HardwareAddr") out = value(link->hardware);
    else if (name == "Flags") out = value(flags_text(*link));
    else return false;
    return true;
  }

  // ---- calls ----
  result<value> call(const node& name, const node& command, const value& dot, const value* piped) {
    if (auto s = step(name, 1); !s) return s.err();
    const auto* f = find_function(name.word);
    if (!f) return fail(name.word + " is not a defined function");
    const size_t given = command.children.size() - 1 + (piped ? 1 : 0);
    if (f->more ? given < f->expected.size() : given != f->expected.size())
      return fail(fmt::format("wrong number of args for {}: want {}{} got {}", f->name, f->more ? "at least " : "", f->expected.size(), given));
    arguments values;
    for (size_t i = 1; i < command.children.size(); ++i) {
      auto v = argument(command.children[i], dot, i <= f->expected.size() ? f->expected[i - 1] : "");
      if (!v) return v;
      values.push_back(std::move(*v));
    }
    if (piped) {
      auto v = fitting(*piped, values.size() < f->expected.size() ? f->expected[values.size()] : "");
      if (!v) return v;
      values.push_back(std::move(*v));
    }
    size_t cost = f->expected.empty() || f->expected[0] != "string" ? 1 : selection_cost;
    for (auto& v : values) {
      if (auto* s = v.as<std::string>()) cost += s->size() / 256;
      if (auto* l = v.as<std::shared_ptr<const entries>>()) cost += (*l)->size() / 16;
    }
    const auto* here = at_;
    if (auto s = step(command, cost); !s) return s.err();
    auto out = f->call(values, host_);
    if (!out) return fail("error calling " + std::string(f->name) + ": " + out.err().text);
    if (auto* s = out->as<std::string>(); s && s->size() > max_value_bytes) return fail("the template makes more than 65,536 bytes");
    at_ = here; // errors of what comes next are shown where Go shows them
    return out;
  }

  result<value> argument(const node& n, const value& dot, std::string_view expected) {
    if (auto s = step(n, 1); !s) return s.err();
    switch (n.what) {
    case node::kind::nil:
      if (expected == "string" || expected == "int" || expected == "uint") return fail("cannot assign nil to " + std::string(expected));
      return expected.empty() ? value(nothing()) : list_value({});
    case node::kind::number:
    case node::kind::boolean:
    case node::kind::string: return constant_argument(n, dot, expected);
    case node::kind::dot: return fitting(dot, expected);
    case node::kind::pipeline: return fitted(pipeline(n, dot), expected);
    case node::kind::identifier: {
      node alone{node::kind::command, n.at};
      alone.children.push_back(n);
      auto out = call(n, alone, dot, nullptr);
      at_ = &n;
      return fitted(std::move(out), expected);
    }
    default: {
      node alone{node::kind::command, n.at};
      alone.children.push_back(n);
      return fitted(chain(n, alone, dot, nullptr), expected);
    }
    }
  }

  result<value> constant_argument(const node& n, const value& dot, std::string_view expected) {
    if (expected.empty()) return literal(n, dot);
    if (expected == "string" && n.what == node::kind::string) return value(n.value);
    if (expected == "string") return fail("expected string; found " + n.word);
    if (expected != "int" && expected != "uint") return fail("can't handle " + n.word + " for arg of type " + std::string(expected));
    if (n.what == node::kind::number) {
      const auto c = constant::parse(n.word);
      if (expected == "int" ? c->is_integer : c->is_unsigned)
        return value(expected == "int" ? c->integer : static_cast<int64_t>(std::min<uint64_t>(c->natural, INT64_MAX)));
    }
    return fail(fmt::format("expected {}; found {}", expected == "int" ? "integer" : "unsigned integer", n.word));
  }

  result<value> fitted(result<value> v, std::string_view expected) { return v ? fitting(*v, expected) : std::move(v); }

  result<value> fitting(const value& v, std::string_view expected) const {
    if (expected.empty() || v.type() == expected) return v;
    if (v.is_nil() && expected == "sockaddr.IfAddrs") return list_value({});
    if (v.is_nil()) return fail("invalid value; expected " + std::string(expected));
    return fail("wrong type for value; expected " + std::string(expected) + "; got " + v.type());
  }

  std::string_view text_;
  const host_facts& host_;
  value dot_;
  std::vector<variable> variables_;
  const node* at_ = nullptr;
  size_t steps_ = 0;
  std::string out_;
};

} // namespace

result<std::string> run(std::string_view text, const node& tree, const host_facts& host) {
  machine m(text, host);
  if (auto s = m.walk(tree, m.dot()); !s) return s.err();
  return m.take();
}

} // namespace actord::address_template
