// Decides and writes the answer to one question. Knows no socket, no store, no clock: it asks a directory, is told the
// time, and draws from the generator that it was given.
#pragma once
#include "api/dns/core/question.hpp"
#include "runtime/base/prng.hpp"
#include "runtime/base/text_hash.hpp"
#include <deque>
#include <optional>
#include <unordered_map>

namespace actord::dns {

// Where facts come from. Every call may be cached; what is returned stays valid until the next question.
class directory {
public:
  virtual ~directory() = default;
  // Instances that are not critical, mesh-capable ones for `service` when connect; null when nothing can be said now, or not yet.
  virtual endpoint_list instances(std::string_view service, bool connect) = 0;
  // A list that is null: there is no such query, or nothing can be said now, or not yet. `by` may use "_agent" and
  // "_ip", "" where that is not known.
  struct query_source {
    std::string_view node, datacenter;
    std::string ip;
  };
  struct found_query {
    endpoint_list list;
    std::string service;
    std::optional<uint32_t> ttl; // seconds
    bool in_order = false;       // the answer's is the list's; else it is drawn anew for each
    std::shared_ptr<const std::vector<uint32_t>> ties{}; // instances are drawn within each run that ends here; null: among all
    std::string first{};         // a node that comes first if it is among the first few
  };
  virtual found_query prepared_query(std::string_view name, const query_source& by) = 0;
  // Null when there is none of that name.
  virtual std::shared_ptr<const node_facts> node(std::string_view name) = 0;
  // The name of the node, or else the service, that has this address; "" = none.
  virtual std::string node_of_address(std::string_view address) = 0;
  virtual std::string service_of_address(std::string_view address) = 0;
  // False when nothing may be answered from the state (no leader and stale reads not allowed): SERVFAIL.
  virtual bool can_answer() = 0;
  // Whether facts could not be read since this was last asked: what was given out then as absent may be there.
  virtual bool take_failure() { return false; }
  // Whether facts are being made elsewhere that were asked for since this was last asked: the answer is to be made again then.
  virtual bool take_lack() { return false; }
  // What recursors said of a name outside our domains, asked for records of that type; null when it was not asked yet.
  virtual const std::vector<foreign_record>* resolved(std::string_view wire_name, uint16_t qtype) = 0;
};

enum class outcome {
  answered, // the writer holds the message
  forward,  // not ours: a recursor's business (only when there are recursors)
  resolve,  // answer again when directory::resolved() knows `wanted_name` for `wanted_type`
  wait,     // answer again when the directory has what it is making
};

class responder {
public:
  responder(const settings& s, directory& d, prng& random);
  // After a reload. The settings are kept by reference.
  void use(const settings& s);

  // udp: the size limits of UDP apply. `now` is Unix seconds, for the SOA's serial.
  outcome respond(const query& q, bool udp, uint32_t now, writer& out);
  // An answer without records: for what is not a question that could be read.
  void refuse(const query& q, rcode code, writer& out);
  const std::string& wanted_name() const { return wanted_name_; } // complete wire name, after outcome::resolve
  uint16_t wanted_type() const { return wanted_type_; }
  size_t gathered() const { return answer_.size() + additional_.size(); } // records for the last answer, before it was trimmed

private:
  // One record to be written. Views point into endpoints, settings or texts_, which live as long as the question.
  struct record {
    uint16_t type = 0;
    uint32_t ttl = 0;
    bool owner_is_question = false;
    std::string_view owner_prefix{}, owner_suffix{};
    std::string_view target_prefix{}, target_suffix{}; // CNAME, SRV, NS, PTR
    std::string_view bytes{};                      // A, AAAA, TXT
    uint16_t weight = 0, port = 0;                 // SRV
  };
  using records = std::vector<record>;
  struct owner { // of the address records of a service or node
    bool is_question = false;
    std::string_view prefix{}, suffix{};
  };
  struct address_request {
    owner name;
    uint16_t qtype = 0;
    uint32_t ttl = 0;
    size_t limit = 0;        // stop after so many records
    size_t alias_limit = 0;  // of the addresses that an alias resolves to
    int depth = 0;           // how many names may still be followed
    bool as_found = false;   // all of them, as found_ has them: of a prepared query
    bool first_only = false; // one record of what names lead to is enough
  };

  outcome compose(const query& q, bool udp, uint32_t now, writer& out);
  void service_answer(const query& q, const wanted& w, size_t enough);
  void service_addresses(const std::vector<endpoint>& all, std::string_view tag, const address_request& r, records& out);
  void service_targets(const query& q, const std::vector<endpoint>& all, std::string_view tag, uint32_t ttl, size_t enough, bool as_found);
  void query_answer(const query& q, const wanted& w, size_t enough);
  void instances_answer(const query& q, const std::vector<endpoint>& all, std::string_view tag, uint32_t ttl, size_t enough, bool as_found);
  bool target_of(const endpoint& e, uint32_t ttl, size_t alias_limit, record& srv);
  void node_answer(const query& q, const wanted& w);
  void node_addresses(const node_facts& n, const address_request& r, records& out);
  void address_answer(const query& q, const wanted& w);
  bool reverse_answer(const wanted& w);
  void name_servers(records& names, records& glue);
  void not_found();
  void alias(const address_set& to, const address_request& r, bool set_ttl, records& out);
  void add_followed(const address_request& r);
  bool is_too_large(size_t answers);
  void follow(std::string_view wire_name, const address_request& r, bool set_ttl, records& out);
  void follow_outside(std::string_view wire_name, records& out);
  const std::vector<foreign_record>* from_outside(std::string_view wire_name, uint16_t qtype);
  bool leads_back(const address_set& a) const;
  const address_set& address_of(const endpoint& e) const;
  void resolve_own(const wanted& w, const address_request& r, records& out);
  bool add_address(const ip_address& ip, const address_request& r, records& out);
  void add_txt(const node_facts& n, const owner& o, uint32_t ttl, records& out);
  bool eligible(const endpoint& e, std::string_view tag) const;
  bool is_own_datacenter(const wanted& w) const { return w.datacenter.empty() || w.datacenter == settings_->datacenter; }
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  std::string_view hex_label(const ip_address& ip);

  void reset(const query& q, uint32_t now);
  static size_t room_for(const query& q, bool udp);
  static size_t most_answers(const query& q, bool udp);
  size_t addresses_in(size_t answers) const;
  size_t measure(const query& q, size_t answers, bool trimmed, bool compress, writer& out);
  void write(const query& q, size_t answers, bool trimmed, bool compress, bool with_opt, writer& out);
  void write_record(const record& r, writer::section s, writer& out);
  void write_soa(writer::section s, writer& out);
  void write_additional(size_t answers, bool trimmed, writer& out);
  void match_additional();
  void trim_and_write(const query& q, bool udp, writer& out);
  size_t most_that_fit(const query& q, size_t from, size_t limit, bool compress, writer& out);

  const settings* settings_ = nullptr;
  directory& directory_;
  prng& random_;
  // Names that every answer uses, complete wire names.
  std::string domain_, node_suffix_, addr_suffix_, service_suffix_, hostmaster_, ns_;
  // The answer under construction; kept to keep their memory.
  wanted wanted_;
  records answer_, authority_, additional_;
  static constexpr uint32_t none = ~uint32_t{0};
  std::vector<uint32_t> additional_of_; // for a trimmed message: by answer, which additional record comes with it; empty: not yet known
  std::vector<std::shared_ptr<const void>> held_;
  std::deque<std::string> texts_;
  const query* question_ = nullptr;
  directory::found_query found_;
  bool for_subnet_ = false; // the answer depends on who asks
  std::vector<std::string_view> path_; // aliases that are being followed, complete wire names in lower case
  std::vector<uint32_t> order_;
  struct range {
    size_t first, count;
  };
  std::unordered_map<std::string_view, range, text_hash, std::equal_to<>> followed_; // by name: what is in additional_ of it
  size_t room_ = 0; // bytes of the message
  size_t gathered_ = 0, gathered_beside_ = 0, counted_ = 0; // bytes that answers and the first `counted_` of additional_ take at least
  size_t looked_at_ = 0; // instances
  bool soa_in_answer_ = false, soa_in_authority_ = false, unresolved_ = false;
  rcode code_ = rcode::no_error;
  uint32_t now_ = 0;
  std::string wanted_name_;
  uint16_t wanted_type_ = type::a;
};

} // namespace actord::dns
