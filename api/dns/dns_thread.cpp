#include "api/dns/dns_thread.hpp"
#include <arpa/inet.h>
#include <cstring>
#include <ctime>

namespace actord::dns {
namespace {

constexpr int most_rounds = 16; // names that one answer may have resolved by recursors, and lists that it waits for
constexpr auto turn_time = std::chrono::milliseconds(1); // of answering what waited

} // namespace

namespace {
std::unique_ptr<thread_directory> directory_of(const dns_source& from, net::io_loop& loop) {
  if (!from.store) return std::make_unique<asked_directory>(from.elsewhere);
  return std::make_unique<catalog_directory>(*from.store, from.status, loop, from.elsewhere);
}
} // namespace

// A question that waits: for a recursor, or for what is made elsewhere.
struct dns_thread::kept_question {
  std::vector<uint8_t> packet;
  asker who{};
  reply_function reply;
  std::chrono::steady_clock::time_point begun;
  uint64_t as_of = 0; // what it has to be shown
  int rounds = 0;
  uint32_t slot = fair_slots::none;
  bool failed = false;
};

dns_thread::dns_thread(std::unique_ptr<net::io_loop> loop, dns_source from, std::shared_ptr<const thread_settings> s, uint64_t seed)
    : loop_(std::move(loop)), turns_(*loop_), settings_(std::move(s)), random_(seed), rpc_(from.rpc), elsewhere_(from.elsewhere), directory_(directory_of(from, *loop_)),
      servers_(from.store ? nullptr : static_cast<asked_directory*>(directory_.get())),
      asking_(from.store ? 0 : most_remote, random_()), asked_(from.store ? 0 : most_remote),
      waiting_(most_waiting, random_()), ready_(most_waiting, random_()), kept_waiting_(most_waiting), kept_ready_(most_waiting),
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
  directory_->begin_question(who.source, std::nullopt);
  switch (responder_.respond(q, who.udp, static_cast<uint32_t>(::time(nullptr)), writer_)) {
  case outcome::answered:
    record(q, begun);
    return writer_.fits() ? writer_.size() : refuse(q, rcode::server_failure);
  case outcome::forward: return forward(packet, q, who, later);
  case outcome::resolve: return resolve(keep(packet, who, later(), begun), q);
  case outcome::wait: return wait(keep(packet, who, later(), begun), q);
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

dns_thread::kept dns_thread::keep(byte_view packet, asker who, const reply_function& reply, std::chrono::steady_clock::time_point begun) {
  auto k = std::make_shared<kept_question>();
  k->packet.assign(packet.begin(), packet.end());
  k->who = who;
  k->reply = reply;
  k->begun = begun;
  k->as_of = directory_->as_of();
  return k;
}

// An alias points outside: asks for its addresses, then answers once more.
size_t dns_thread::resolve(const kept& k, const query& q) {
  std::vector<uint8_t> question;
  std::string name = responder_.wanted_name();
  const auto qtype = responder_.wanted_type();
  write_question(question, 0, name, qtype);
  bool asked = upstream_.ask(question, false, k->who.source, [this, k, name, qtype](byte_view answer) {
    std::vector<foreign_record> records;
    if (!parse_records(answer, 64, records)) records.clear();
    directory_->remember(name, qtype, std::move(records));
    begin_batch();
    answer_again(k);
    end_batch();
  });
  return asked ? 0 : refuse(q, rcode::server_failure);
}

// Where too many wait it is one of whoever has most of them waiting that is refused.
size_t dns_thread::wait(const kept& k, const query& q) {
  if (k->rounds >= most_rounds) return refuse(q, rcode::server_failure);
  if (waiting_.full()) {
    if (waiting_.has_longest(k->who.source)) return refuse(q, rcode::server_failure);
    const auto given_up = kept_waiting_[waiting_.first_of_longest()];
    made(given_up, true);
  }
  k->slot = waiting_.take(k->who.source);
  kept_waiting_[k->slot] = k;
  directory_->when_made([this, k](bool failed) { made(k, failed); });
  return 0;
}

void dns_thread::made(const kept& k, bool failed) {
  if (k->slot == fair_slots::none) return; // was given up
  waiting_.release(k->slot);
  kept_waiting_[std::exchange(k->slot, fair_slots::none)] = nullptr;
  k->failed = failed;
  if (ready_.full()) { // it is dropped, as UDP may
    const auto slot = ready_.first_of_longest();
    kept_ready_[slot] = nullptr;
    ready_.release(slot);
  }
  kept_ready_[ready_.take(k->who.source)] = k;
  if (!std::exchange(turn_posted_, true)) loop_->post([this] { answer_made(); });
}

// In turns by source, for so long per iteration: the first call runs behind this one's events.
void dns_thread::answer_made() {
  const auto until = net::io_loop::clock::now() + turn_time;
  begin_batch();
  while (!ready_.empty()) {
    const auto slot = ready_.next();
    const auto k = std::exchange(kept_ready_[slot], nullptr);
    ready_.release(slot);
    answer_again(k);
    if (net::io_loop::clock::now() >= until) break;
  }
  end_batch();
  turn_posted_ = !ready_.empty();
  if (turn_posted_) loop_->post([this] { loop_->post([this] { answer_made(); }); });
}

void dns_thread::answer_again(const kept& k) {
  std::vector<uint8_t> buffer(max_message);
  writer_.rebind(buffer);
  query q;
  if (parse_query(k->packet, q) != verdict::ok) return;
  q.asker = k->who.from;
  if (k->failed) return k->reply({buffer.data(), refuse(q, rcode::server_failure)});
  directory_->begin_question(k->who.source, k->as_of);
  directory_->stop_resolving(++k->rounds >= most_rounds);
  size_t size = 0;
  switch (responder_.respond(q, k->who.udp, static_cast<uint32_t>(::time(nullptr)), writer_)) {
  case outcome::resolve: size = resolve(k, q); break;
  case outcome::wait: size = wait(k, q); break;
  default:
    record(q, k->begun);
    size = writer_.fits() ? writer_.size() : refuse(q, rcode::server_failure);
  }
  directory_->stop_resolving(false);
  if (size != 0) k->reply({buffer.data(), size});
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
