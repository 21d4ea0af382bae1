#include "storage/command/registration_rules.hpp"
#include <cctype>

namespace actord {

namespace {

bool is_any_address(std::string_view a) { return a == "0.0.0.0" || a == "::" || a == "[::]"; }

// Texts of the UUID parser that Consul uses; "" when it is one.
std::string uuid_fault(std::string_view id) {
  if (id.size() != 36) return "uuid string is wrong length";
  for (size_t i = 0; i < id.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (id[i] == '-')) return "uuid is improperly formatted";
    if (!dash && !std::isxdigit(static_cast<unsigned char>(id[i])))
      return std::string("encoding/hex: invalid byte: U+00") + "0123456789ABCDEF"[static_cast<unsigned char>(id[i]) >> 4] +
             "0123456789ABCDEF"[static_cast<unsigned char>(id[i]) & 15] + " '" + id[i] + "'";
  }
  return {};
}

// Which kind of check a definition describes; "" when it is none.
std::string_view type_of(const check_definition_record& d) {
  const bool runs = d.interval.count() > 0;
  if (!d.grpc.empty() && runs) return "grpc";
  if (!d.http.empty() && runs) return "http";
  if (d.ttl.count() > 0) return "ttl";
  if (!d.tcp.empty() && runs) return "tcp";
  if (!d.alias_node.empty() || !d.alias_service.empty()) return "alias";
  if (!d.docker_container_id.empty() && !d.script_args.empty() && runs) return "docker";
  if (!d.script_args.empty() && runs) return "script";
  return {};
}

std::string node_fault(std::string_view name, std::string_view id) {
  if (name.empty()) return "Must provide node";
  auto fault = id.empty() ? "" : uuid_fault(id);
  return fault.empty() ? fault : "Bad node ID: " + fault;
}

void prepare_check(health_check& c) {
  if (c.check_id.empty()) c.check_id = c.name;
  if (c.status.empty()) c.status = health_critical;
}

std::string prepare_operation(txn_op& op) {
  if (op.kv) return op.kv->entry.key.empty() && op.kv->verb != kv_delete_tree ? "Must provide key" : "";
  if (op.node) return op.node->verb == kv_get ? "" : node_fault(op.node->node.node, op.node->node.id);
  if (op.service) return op.service->verb == kv_get ? "" : prepare_service(op.service->service);
  if (op.check && op.check->verb != kv_get) prepare_check(op.check->check);
  return {};
}

} // namespace

std::string prepare_registration(register_request& r, std::string_view datacenter) {
  if (r.datacenter.empty()) r.datacenter = datacenter;
  if (r.datacenter != datacenter) return "No path to datacenter";
  if (r.node.empty()) return "Must provide node";
  if (r.address.empty() && !r.skip_node_update) return "Must provide address if SkipNodeUpdate is not set";
  if (auto fault = node_fault(r.node, r.id); !fault.empty()) return fault;
  if (r.service)
    if (auto fault = prepare_service(*r.service); !fault.empty()) return fault;
  if (r.check) {
    r.checks.push_back(*r.check);
    r.check.reset();
  }
  for (auto& c : r.checks) {
    if (c.node.empty()) c.node = r.node;
    prepare_check(c);
    if (c.type.empty()) c.type = type_of(c.definition);
  }
  return {};
}

std::string prepare_deregistration(deregister_request& r, std::string_view datacenter) {
  if (r.datacenter.empty()) r.datacenter = datacenter;
  if (r.datacenter != datacenter) return "No path to datacenter";
  return r.node.empty() ? "Must provide node" : "";
}

std::string prepare_service(node_service& s) {
  if (s.id.empty()) s.id = s.service;
  if (!s.id.empty() && s.service.empty()) return "Must provide service name with ID";
  if (is_any_address(s.address)) return "Invalid service address";
  if (!s.weights) s.weights.emplace();
  return {};
}

std::vector<txn_error> prepare_transaction(txn_request& r) {
  std::vector<txn_error> faults;
  for (size_t i = 0; i < r.ops.size(); ++i)
    if (auto fault = prepare_operation(r.ops[i]); !fault.empty()) faults.push_back({i, std::move(fault)});
  return faults;
}

} // namespace actord
