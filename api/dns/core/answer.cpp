#include "api/dns/core/answer.hpp"
#include "runtime/base/text_hash.hpp"
#include <algorithm>
#include <unordered_set>

namespace actord::dns {
namespace {

constexpr int names_followed = 3;        // as Consul: the depth to which an alias inside the domain is resolved
constexpr size_t alias_records = 5;      // addresses that an alias resolves to, for askers without EDNS
constexpr size_t no_limit = ~size_t{0};
constexpr size_t few_of_query = 10;      // as Consul: if the node that a query is sorted for is among so many, it comes first
constexpr size_t most_looked_at = 20000; // instances of services that aliases lead to: beyond, no more aliases are followed

bool same_text(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y; });
}

// The address that answers a question of that type; translated ones win where they are known.
const ip_address& address_for(const address_set& a, uint16_t qtype) {
  if (qtype == type::a && a.lan_v4.family != 0) return a.lan_v4;
  if (qtype == type::aaaa && a.lan_v6.family != 0) return a.lan_v6;
  return a.ip;
}

bool wants(uint16_t qtype, const ip_address& ip) {
  if (qtype == type::any || qtype == type::txt || qtype == type::srv || qtype == type::ns) return true;
  return qtype == (ip.family == 4 ? type::a : type::aaaa);
}

std::string_view bytes_of(const ip_address& ip) { return {reinterpret_cast<const char*>(ip.bytes.data()), ip.size()}; }

// The subnet that the question was asked for, else the address that it came from.
std::string source_address(const query& q) {
  if (q.subnet.size() <= 4) return q.asker.family == 0 ? std::string() : format_ip(q.asker);
  ip_address ip;
  ip.family = q.subnet[1] == 1 ? 4 : 6;
  const auto bytes = q.subnet.subspan(4);
  std::copy_n(bytes.begin(), std::min(bytes.size(), ip.size()), ip.bytes.begin());
  return format_ip(ip);
}

// Not more than it takes in a message: its name and that of what it points to may be pointers there. SRV's target is written in full.
size_t least_size(uint16_t of_type, size_t rdata) {
  constexpr size_t fixed = 12, srv_numbers = 6, pointer = 2;
  if (of_type == type::srv) return fixed + srv_numbers + rdata;
  return fixed + (of_type == type::cname ? pointer : rdata);
}

// Draws without replacement: next() gives every number below n once, in random order (Fisher and Yates), and costs only
// for what is drawn.
class draw {
public:
  draw(std::vector<uint32_t>& order, size_t n, prng& random) : order_(order), random_(random) {
    order.resize(n);
    for (size_t i = 0; i < n; ++i) order[i] = static_cast<uint32_t>(i);
  }
  // Before the first: in the order that a prepared query gives its instances.
  void follow(const directory::found_query& q) {
    in_order_ = q.in_order;
    ties_ = q.ties.get();
    if (q.first.empty()) return;
    while (drawn_ < few_of_query && draw_one()) {}
    for (size_t i = 0; i < drawn_; ++i)
      if ((*q.list)[order_[i]].node.name == q.first) return std::swap(order_[0], order_[i]);
  }
  bool next(size_t& out) {
    if (at_ == drawn_ && !draw_one()) return false;
    out = order_[at_++];
    return true;
  }

private:
  bool draw_one() {
    if (drawn_ == order_.size()) return false;
    while (ties_ && (*ties_)[run_] <= drawn_) ++run_;
    const size_t end = ties_ ? (*ties_)[run_] : order_.size();
    if (!in_order_) std::swap(order_[drawn_], order_[drawn_ + random_.below(end - drawn_)]);
    ++drawn_;
    return true;
  }
  std::vector<uint32_t>& order_;
  prng& random_;
  bool in_order_ = false;
  const std::vector<uint32_t>* ties_ = nullptr;
  size_t at_ = 0, drawn_ = 0, run_ = 0;
};

} // namespace

responder::responder(const settings& s, directory& d, prng& random) : directory_(d), random_(random) { use(s); }

void responder::use(const settings& s) {
  settings_ = &s;
  make_name(domain_, s.domain);
  make_name(node_suffix_, "node." + s.datacenter + "." + s.domain);
  make_name(addr_suffix_, "addr." + s.datacenter + "." + s.domain);
  make_name(service_suffix_, "service." + s.datacenter + "." + s.domain);
  make_name(hostmaster_, "hostmaster." + s.domain);
  make_name(ns_, "ns." + s.domain);
}

void responder::reset(const query& q, uint32_t now) {
  question_ = &q;
  path_.clear();
  answer_.clear();
  authority_.clear();
  additional_.clear();
  additional_of_.clear();
  held_.clear();
  found_ = {};
  texts_.clear();
  followed_.clear();
  gathered_ = gathered_beside_ = counted_ = looked_at_ = 0;
  room_ = max_message;
  soa_in_answer_ = soa_in_authority_ = unresolved_ = for_subnet_ = false;
  code_ = rcode::no_error;
  now_ = now;
}

void responder::refuse(const query& q, rcode code, writer& out) {
  out.begin(q, false);
  out.set_flags(false, false, false, code);
}

outcome responder::respond(const query& q, bool udp, uint32_t now, writer& out) {
  const auto how = compose(q, udp, now, out);
  if (!directory_.take_failure()) return how;
  reset(q, now);
  code_ = rcode::server_failure;
  trim_and_write(q, udp, out);
  return outcome::answered;
}

outcome responder::compose(const query& q, bool udp, uint32_t now, writer& out) {
  using k = wanted::kind;
  reset(q, now);
  interpret(q, *settings_, wanted_);
  const auto& w = wanted_;
  if (w.what == k::foreign) {
    if (settings_->have_recursors) return outcome::forward;
    refuse(q, rcode::refused, out);
    return outcome::answered;
  }
  bool needs_state = w.what == k::service || w.what == k::node || w.what == k::prepared_query || w.what == k::reverse;
  if (needs_state && !directory_.can_answer()) {
    code_ = rcode::server_failure;
  } else if (w.what == k::reverse) {
    if (w.ip.family == 0 || !reverse_answer(w)) {
      if (settings_->have_recursors) return outcome::forward;
      out.begin(q, !settings_->disable_compression);
      if (q.has_edns) out.put_opt(q);
      out.set_flags(false, false, true, rcode::server_failure);
      return outcome::answered;
    }
  } else if (w.what == k::apex_soa) {
    soa_in_answer_ = true;
    name_servers(authority_, additional_);
  } else if (w.what == k::apex_ns) {
    name_servers(answer_, additional_);
  } else if (w.what == k::transfer) {
    code_ = rcode::not_implemented;
  } else {
    room_ = room_for(q, udp);
    size_t enough = udp && q.edns_size <= 512 ? static_cast<size_t>(std::clamp(settings_->udp_answer_limit, 0, 8)) + 1 : most_answers(q, udp) + 1; // one more, so that it shows that not all were told
    if (w.what == k::service) service_answer(q, w, enough);
    else if (w.what == k::node) node_answer(q, w);
    else if (w.what == k::prepared_query) query_answer(q, w, enough);
    else if (w.what == k::address) address_answer(q, w);
    else not_found();
  }
  if (directory_.take_lack()) return outcome::wait;
  if (unresolved_) return outcome::resolve;
  trim_and_write(q, udp, out);
  return outcome::answered;
}

void responder::not_found() {
  code_ = rcode::name_error;
  soa_in_authority_ = true;
}

// ---- services ----

bool responder::eligible(const endpoint& e, std::string_view tag) const {
  if (settings_->only_passing && !e.all_passing) return false;
  return tag.empty() || std::any_of(e.tags.begin(), e.tags.end(), [&](auto& t) { return same_text(t, tag); });
}

void responder::service_answer(const query& q, const wanted& w, size_t enough) {
  if (!is_own_datacenter(w)) return not_found();
  auto all = directory_.instances(w.name, w.connect);
  if (!all) {
    code_ = rcode::server_failure;
    return;
  }
  held_.push_back(all);
  if (std::none_of(all->begin(), all->end(), [&](auto& e) { return eligible(e, w.tag); })) return not_found();
  instances_answer(q, *all, w.tag, settings_->ttl_of_service(w.name), enough, false);
}

void responder::query_answer(const query& q, const wanted& w, size_t enough) {
  if (!is_own_datacenter(w)) return not_found();
  found_ = directory_.prepared_query(w.name, {settings_->node_name, settings_->datacenter, source_address(q)});
  if (!found_.list || found_.list->empty()) return not_found();
  for_subnet_ = true;
  held_.push_back(found_.list);
  instances_answer(q, *found_.list, {}, found_.ttl ? *found_.ttl : settings_->ttl_of_service(found_.service), enough, true);
}

void responder::instances_answer(const query& q, const std::vector<endpoint>& all, std::string_view tag, uint32_t ttl, size_t enough, bool as_found) {
  if (q.qtype == type::srv) {
    service_targets(q, all, tag, ttl, enough, as_found);
  } else {
    size_t limit = settings_->a_record_limit > 0 ? static_cast<size_t>(settings_->a_record_limit) : no_limit;
    address_request r{{true, {}, {}}, q.qtype, ttl, std::min(limit, enough), q.has_edns ? no_limit : alias_records, names_followed, as_found};
    service_addresses(all, tag, r, answer_);
  }
  if (answer_.empty()) soa_in_authority_ = true;
}

// Address records of the instances, each address once. Names (aliases) count only when no instance has an address, and
// then only the first.
void responder::service_addresses(const std::vector<endpoint>& all, std::string_view tag, const address_request& r, records& out) {
  const endpoint* aliased = nullptr;
  const size_t start = out.size(), limit = std::min(r.limit, room_ / least_size(type::a, 4) + 1); // with one that does not fit
  text_view_set seen;
  const bool many = all.size() > 32;
  looked_at_ += all.size() / 16; // what it takes to begin
  std::vector<uint32_t> inner_order; // an answer that points to a service is drawing from order_ already
  draw next(r.depth == names_followed ? order_ : inner_order, all.size(), random_);
  if (r.as_found) next.follow(found_);
  for (size_t i; out.size() - start < limit && next.next(i);) {
    const endpoint& e = all[i];
    ++looked_at_;
    if (!r.as_found && !eligible(e, tag)) continue;
    const address_set& set = address_of(e);
    const ip_address& ip = address_for(set, r.qtype);
    if (ip.family == 0) {
      if (!aliased && !set.text.empty() && !leads_back(set)) aliased = &e;
      continue;
    }
    if (!wants(r.qtype, ip)) continue;
    auto bytes = bytes_of(ip);
    bool known = many ? !seen.insert(bytes).second
                      : std::any_of(out.begin() + static_cast<ptrdiff_t>(start), out.end(), [&](auto& o) { return o.bytes == bytes; });
    if (!known) add_address(ip, r, out);
  }
  if (out.size() > start || !aliased) return;
  alias(address_of(*aliased), r, true, out);
}

// SRV records, each node, address and port once, with what their targets' addresses are. Ends where no more can fit.
void responder::service_targets(const query& q, const std::vector<endpoint>& all, std::string_view tag, uint32_t ttl, size_t enough, bool as_found) {
  std::unordered_set<uint64_t> seen; // hashes with a key: no two are the same by chance, or by design
  std::vector<const endpoint*> few;
  draw next(order_, all.size(), random_);
  if (as_found) next.follow(found_);
  for (size_t i; answer_.size() < enough && gathered_ <= room_ && next.next(i);) {
    const endpoint& e = all[i];
    if (!as_found && !eligible(e, tag)) continue;
    if (all.size() > 32) {
      if (!seen.insert(folded_product(text_hash{}(e.node.name), text_hash{}(e.address.text) ^ text_hash_key) ^ e.port).second) continue;
    } else {
      if (std::any_of(few.begin(), few.end(), [&](auto* o) { return o->port == e.port && o->node.name == e.node.name && o->address.text == e.address.text; }))
        continue;
      few.push_back(&e);
    }
    record srv{.type = type::srv, .ttl = ttl, .owner_is_question = true, .weight = e.weight, .port = e.port};
    if (!target_of(e, ttl, q.has_edns ? no_limit : alias_records, srv)) continue;
    answer_.push_back(srv);
    gathered_ += least_size(type::srv, srv.target_prefix.size() + srv.target_suffix.size());
    if (!settings_->node_meta_txt || e.node.labels.empty()) continue;
    const size_t beside = additional_.size();
    add_txt(e.node, {false, e.node.labels, node_suffix_}, ttl, additional_);
    if (is_too_large(answer_.size()) && additional_.size() > beside + 1) additional_.resize(beside + 1);
  }
}

// Sets the target of an SRV record and adds its address to the additional section. False when DNS cannot carry the name.
bool responder::target_of(const endpoint& e, uint32_t ttl, size_t alias_limit, record& srv) {
  address_request r{{}, type::srv, ttl, no_limit, alias_limit, names_followed, false, is_too_large(answer_.size() + 1)};
  const ip_address* ip = nullptr;
  const address_set& set = address_of(e);
  if (&set == &e.node.address && set.ip.family != 0) {
    if (e.node.labels.empty()) return false;
    r.name = {false, e.node.labels, node_suffix_};
    ip = &e.node.address.ip;
  } else if (set.ip.family != 0) {
    r.name = {false, hex_label(set.ip), addr_suffix_};
    ip = &set.ip;
  } else {
    if (set.wire.empty()) return false;
    r.name = {false, {}, set.wire};
    if (!leads_back(set)) add_followed(r);
  }
  if (ip) add_address(*ip, r, additional_);
  srv.target_prefix = r.name.prefix;
  srv.target_suffix = r.name.suffix;
  return true;
}

// What the target's name leads to, which is looked up once. An answer that is too large already keeps the first record of each name only.
void responder::add_followed(const address_request& r) {
  const size_t start = additional_.size();
  const auto [known, fresh] = followed_.try_emplace(r.name.suffix, start, 0);
  auto& [first, count] = known->second;
  if (!fresh) {
    for (size_t i = 0; i < count && !is_too_large(answer_.size() + 1); ++i) additional_.push_back(record(additional_[first + i]));
    return;
  }
  if (looked_at_ > most_looked_at) return;
  follow(r.name.suffix, r, true, additional_);
  if (r.first_only && additional_.size() > start + 1) additional_.resize(start + 1);
  count = additional_.size() - start;
}

// So many answers, more than one, with what is gathered surely are more than a message takes: it will be trimmed, which leaves one additional
// record per answer.
bool responder::is_too_large(size_t answers) {
  for (; counted_ < additional_.size(); ++counted_) gathered_beside_ += least_size(additional_[counted_].type, additional_[counted_].bytes.size());
  return gathered_ + gathered_beside_ > (answers > 1 ? room_ : max_message);
}

// ---- nodes, addresses, reverse names, name servers ----

void responder::node_answer(const query& q, const wanted& w) {
  if (q.qtype != type::any && q.qtype != type::a && q.qtype != type::aaaa && q.qtype != type::txt) return;
  if (!is_own_datacenter(w)) return not_found();
  auto n = directory_.node(w.name);
  if (!n) return not_found();
  held_.push_back(n);
  const bool in_answer = q.qtype == type::txt || q.qtype == type::any;
  if (q.qtype != type::txt)
    node_addresses(*n, {{true, {}, {}}, q.qtype, settings_->node_ttl, no_limit, no_limit, names_followed}, answer_);
  if (in_answer || settings_->node_meta_txt) add_txt(*n, {true, {}, {}}, settings_->node_ttl, in_answer ? answer_ : additional_);
}

void responder::node_addresses(const node_facts& n, const address_request& r, records& out) {
  const ip_address& ip = address_for(n.address, r.qtype);
  if (ip.family == 0 && !leads_back(n.address)) alias(n.address, r, false, out);
  else if (ip.family != 0 && wants(r.qtype, ip)) add_address(ip, r, out);
}

// The name comes back in lower case and under the first domain, as Consul gives it.
void responder::address_answer(const query& q, const wanted& w) {
  if (w.ip.family == 0) return;
  size_t own = q.labels, bytes = 0;
  for (std::string_view d : {settings_->domain, settings_->alt_domain}) {
    std::string wire;
    if (d.empty() || !make_name(wire, d)) continue;
    std::string_view lower(q.lower.data(), q.name.size());
    if (!lower.ends_with(wire)) continue;
    bytes = lower.size() - wire.size();
    own = 0;
    break;
  }
  if (own != 0) return;
  auto prefix = keep(std::string(q.lower.data(), bytes));
  add_address(wanted_.ip, {{false, prefix, domain_}, q.qtype, settings_->node_ttl, no_limit, 0, 0}, answer_);
}

bool responder::reverse_answer(const wanted& w) {
  auto text = format_ip(w.ip);
  std::string_view suffix = node_suffix_;
  auto name = directory_.node_of_address(text);
  if (name.empty()) {
    name = directory_.service_of_address(text);
    suffix = service_suffix_;
  }
  std::string labels;
  if (name.empty() || !append_labels(labels, name)) return false;
  answer_.push_back({.type = type::ptr, .owner_is_question = true, .target_prefix = keep(std::move(labels)), .target_suffix = suffix});
  return true;
}

// Up to three servers, each with its address. Names with other characters than letters, digits and hyphens are left out.
void responder::name_servers(records& names, records& glue) {
  auto all = directory_.instances("consul", false);
  if (!all) return;
  held_.push_back(all);
  draw next(order_, all->size(), random_);
  for (size_t i; names.size() < 3 && next.next(i);) {
    const endpoint& e = (*all)[i];
    auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'; };
    if (!eligible(e, {}) || e.node.labels.empty() || !std::all_of(e.node.name.begin(), e.node.name.end(), plain)) continue;
    std::string lower = e.node.labels;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    auto prefix = keep(std::move(lower));
    names.push_back({.type = type::ns, .ttl = settings_->node_ttl, .owner_suffix = domain_, .target_prefix = prefix, .target_suffix = node_suffix_});
    node_addresses(e.node, {{false, prefix, node_suffix_}, type::any, settings_->node_ttl, no_limit, no_limit, names_followed}, glue);
  }
}

// ---- names that answers point to ----

void responder::alias(const address_set& to, const address_request& r, bool set_ttl, records& out) {
  const std::string_view target = to.wire;
  if (target.empty()) return;
  out.push_back({.type = type::cname, .ttl = r.ttl, .owner_is_question = r.name.is_question, .owner_prefix = r.name.prefix,
                 .owner_suffix = r.name.suffix, .target_suffix = target});
  follow(target, r, set_ttl, out);
}

// Appends what a name resolves to: by ourselves when it is ours, by recursors otherwise.
void responder::follow(std::string_view wire_name, const address_request& r, bool set_ttl, records& out) {
  query inner;
  wanted w;
  if (!interpret_name(wire_name, type::any, *settings_, inner, w)) return;
  const size_t start = out.size();
  if (w.what != wanted::kind::foreign && w.what != wanted::kind::reverse) {
    if (r.depth < 1) return;
    path_.push_back(keep({inner.lower.data(), wire_name.size()}));
    resolve_own(w, {{false, {}, wire_name}, type::any, r.ttl, r.first_only ? 1 : no_limit, alias_records, r.depth - 1, false, r.first_only}, out);
    path_.pop_back();
  } else if (settings_->have_recursors) {
    follow_outside(wire_name, out);
  }
  if (set_ttl)
    for (size_t i = start; i < out.size(); ++i) out[i].ttl = r.ttl;
  size_t addresses = 0, kept = start; // names on the way to them do not count
  for (size_t i = start; i < out.size(); ++i)
    if (out[i].type == type::cname || ++addresses <= r.alias_limit) out[kept++] = out[i];
  out.resize(kept);
}

const std::vector<foreign_record>* responder::from_outside(std::string_view wire_name, uint16_t qtype) {
  auto* known = directory_.resolved(wire_name, qtype);
  if (known) return known;
  unresolved_ = true;
  wanted_name_ = wire_name;
  wanted_type_ = qtype;
  return nullptr;
}

// Addresses of the family that was asked for; where either will do, IPv6 when there is nothing else.
void responder::follow_outside(std::string_view wire_name, records& out) {
  const auto asked = question_->qtype;
  auto* known = from_outside(wire_name, asked == type::aaaa ? type::aaaa : type::a);
  if (!known) return;
  const bool has_address = std::any_of(known->begin(), known->end(), [](auto& f) { return f.type != type::cname; });
  if (!has_address && asked != type::a && asked != type::aaaa) {
    known = from_outside(wire_name, type::aaaa);
    if (!known) return;
  }
  for (auto& f : *known) {
    record one{.type = f.type, .ttl = f.ttl, .owner_suffix = keep(f.owner)};
    (f.type == type::cname ? one.target_suffix : one.bytes) = keep(f.rdata);
    out.push_back(one);
  }
}

// To the name that was asked for, or to one on the way from there.
bool responder::leads_back(const address_set& a) const {
  if (a.wire.empty()) return false;
  return same_text(a.wire, {question_->lower.data(), question_->name.size()}) ||
         std::any_of(path_.begin(), path_.end(), [&](auto& p) { return same_text(a.wire, p); });
}

// The node's where the service has none of its own, or one that only leads back.
const address_set& responder::address_of(const endpoint& e) const {
  if (e.address.text.empty()) return e.node.address;
  return e.address.ip.family == 0 && leads_back(e.address) ? e.node.address : e.address;
}

void responder::resolve_own(const wanted& w, const address_request& r, records& out) {
  if (w.what == wanted::kind::address) {
    if (w.ip.family != 0) {
      held_.push_back(std::make_shared<ip_address>(w.ip));
      auto own = r;
      own.ttl = settings_->node_ttl;
      add_address(*static_cast<const ip_address*>(held_.back().get()), own, out);
    }
    return;
  }
  if (!is_own_datacenter(w)) return;
  auto own = r;
  if (w.what == wanted::kind::node) {
    auto n = directory_.node(w.name);
    if (!n) return;
    held_.push_back(n);
    own.ttl = settings_->node_ttl;
    node_addresses(*n, own, out);
  } else if (w.what == wanted::kind::service) {
    auto all = directory_.instances(w.name, w.connect);
    if (!all) return;
    held_.push_back(all);
    own.ttl = settings_->ttl_of_service(w.name);
    if (settings_->a_record_limit > 0) own.limit = std::min(own.limit, static_cast<size_t>(settings_->a_record_limit));
    service_addresses(*all, w.tag, own, out);
  }
}

bool responder::add_address(const ip_address& ip, const address_request& r, records& out) {
  out.push_back({.type = ip.family == 4 ? type::a : type::aaaa, .ttl = r.ttl, .owner_is_question = r.name.is_question,
                 .owner_prefix = r.name.prefix, .owner_suffix = r.name.suffix, .bytes = bytes_of(ip)});
  return true;
}

void responder::add_txt(const node_facts& n, const owner& o, uint32_t ttl, records& out) {
  for (auto& text : n.txt)
    out.push_back({.type = type::txt, .ttl = ttl, .owner_is_question = o.is_question, .owner_prefix = o.prefix, .owner_suffix = o.suffix, .bytes = text});
}

std::string_view responder::hex_label(const ip_address& ip) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out(1, static_cast<char>(ip.size() * 2));
  for (size_t i = 0; i < ip.size(); ++i) {
    out += digits[ip.bytes[i] >> 4];
    out += digits[ip.bytes[i] & 15];
  }
  return keep(std::move(out));
}

} // namespace actord::dns
