#include "api/dns/dns_thread.hpp"
#include <arpa/inet.h>
#include <cstring>
#include <ctime>

namespace actord::dns {
namespace {

constexpr int most_rounds = 16; // names that one answer may have resolved by recursors

} // namespace

namespace {
std::unique_ptr<thread_directory> directory_of(const dns_source& from) {
  if (!from.store) return std::make_unique<asked_directory>();
  return std::make_unique<catalog_directory>(*from.store, from.status);
}
} // namespace

dns_thread::dns_thread(std::unique_ptr<net::io_loop> loop, dns_source from, std::shared_ptr<const thread_settings> s, uint64_t seed)
    : loop_(std::move(loop)), turns_(*loop_), settings_(std::move(s)), random_(seed), rpc_(from.rpc), directory_(directory_of(from)),
      servers_(from.store ? nullptr : static_cast<asked_directory*>(directory_.get())),
      asking_(from.store ? 0 : most_remote, random_()), asked_(from.store ? 0 : most_remote),
      responder_(settings_->answers, *directory_, random_), writer_({}), upstream_(*loop_, random_),
      domain_queries_(&telemetry::sample("dns.domain_query", {{"node", settings_->answers.node_name}})),
      reverse_queries_(&telemetry::sample("dns.ptr_query", {{"node", settings_->answers.node_name}})) {
  use(settings_);
}

dns_thread::~dns_thread() {
  if (actor_) actor_->quit_loop();
}

void dns_thread::use(std::shared_ptr<const thread_settings> s) {
  responder_.use(s->answers);
  directory_->allow_stale(s->answers.allow_stale);
  upstream_.use(s->recursors, s->recursor_timeout);
  settings_ = std::move(s);
}

size_t dns_thread::answer(byte_view packet, asker who, std::span<uint8_t> buffer, const std::function<reply_function()>& later) {
  writer_.rebind(buffer);
  query q;
  switch (parse_query(packet, q)) {
  case verdict::ignore: return 0;
  case verdict::format_error: return refuse(q, rcode::format_error);
  case verdict::not_implemented: return refuse(q, rcode::not_implemented);
  case verdict::ok: break;
  }
  q.asker = who.from;
  if (servers_) return ask_servers(packet, who, later);
  auto begun = std::chrono::steady_clock::now();
  switch (responder_.respond(q, who.udp, static_cast<uint32_t>(::time(nullptr)), writer_)) {
  case outcome::answered:
    record(q, begun);
    return writer_.fits() ? writer_.size() : refuse(q, rcode::server_failure);
  case outcome::forward: return forward(packet, q, who, later);
  case outcome::resolve: return resolve(packet, q, who, later(), 0);
  }
  return 0;
}

void dns_thread::record(const query& q, std::chrono::steady_clock::time_point begun) {
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
  bool reverse = q.labels > 0 && q.label(q.labels - 1u) == "arpa";
  (reverse ? reverse_queries_ : domain_queries_)->record(took.count());
}

size_t dns_thread::refuse(const query& q, rcode code) {
  responder_.refuse(q, code, writer_);
  return writer_.size();
}

// The recursor's answer goes back as it is. Nobody answered: SERVFAIL.
size_t dns_thread::forward(byte_view packet, const query& q, asker who, const std::function<reply_function()>& later) {
  auto failure = [](std::vector<uint8_t> question) {
    query again;
    std::vector<uint8_t> out(max_message);
    writer w(out);
    (void)parse_query(question, again);
    w.begin(again, true);
    if (again.has_edns) w.put_opt(again);
    w.set_flags(false, false, true, rcode::server_failure);
    out.resize(w.size());
    return out;
  };
  std::vector<uint8_t> question(packet.begin(), packet.end());
  bool asked = upstream_.ask(packet, !who.udp, who.source, [question, reply = later(), failure](byte_view answer) {
    if (answer.empty()) reply(failure(question));
    else reply(answer);
  });
  return asked ? 0 : refuse(q, rcode::server_failure);
}

// An alias points outside: asks for its addresses, then answers once more.
size_t dns_thread::resolve(byte_view packet, const query& q, asker who, const reply_function& reply, int rounds) {
  std::vector<uint8_t> question;
  std::string name = responder_.wanted_name();
  const auto qtype = responder_.wanted_type();
  write_question(question, 0, name, qtype);
  auto copy = std::make_shared<std::vector<uint8_t>>(packet.begin(), packet.end());
  bool asked = upstream_.ask(question, false, who.source, [this, copy, who, reply, rounds, name, qtype](byte_view answer) {
    std::vector<foreign_record> records;
    if (!parse_records(answer, 64, records)) records.clear();
    directory_->remember(name, qtype, std::move(records));
    answer_again(copy, who, reply, rounds + 1);
  });
  return asked ? 0 : refuse(q, rcode::server_failure);
}

void dns_thread::answer_again(const std::shared_ptr<std::vector<uint8_t>>& packet, asker who, const reply_function& reply, int rounds) {
  std::vector<uint8_t> buffer(max_message);
  writer_.rebind(buffer);
  query q;
  if (parse_query(*packet, q) != verdict::ok) return;
  q.asker = who.from;
  begin_batch();
  directory_->stop_resolving(rounds >= most_rounds);
  size_t size = 0;
  if (responder_.respond(q, who.udp, static_cast<uint32_t>(::time(nullptr)), writer_) == outcome::resolve)
    size = resolve(*packet, q, who, reply, rounds);
  else
    size = writer_.fits() ? writer_.size() : refuse(q, rcode::server_failure);
  directory_->stop_resolving(false);
  end_batch();
  if (size != 0) reply({buffer.data(), size});
}

bool socket_address(const std::string& host, uint16_t port, sockaddr_storage& out, socklen_t& length) {
  recursor_address a;
  auto text = host.find(':') == host.npos ? host : "[" + host + "]";
  if (!parse_recursor(text, a)) return false;
  out = a.address;
  length = a.length;
  if (out.ss_family == AF_INET) reinterpret_cast<sockaddr_in*>(&out)->sin_port = htons(port);
  else reinterpret_cast<sockaddr_in6*>(&out)->sin6_port = htons(port);
  return true;
}

} // namespace actord::dns
