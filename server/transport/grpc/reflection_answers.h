#ifndef LOSSD_SERVER_TRANSPORT_GRPC_REFLECTION_ANSWERS_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_REFLECTION_ANSWERS_H_

#include <string>
#include <vector>

#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace lossd::transport {

// Answers a request of server reflection: with these services, and with the files that are linked
// into the program, each followed by those that it imports. What is not known is an error in the
// answer.
grpc::reflection::v1alpha::ServerReflectionResponse AnswerReflection(
    const grpc::reflection::v1alpha::ServerReflectionRequest& request,
    const std::vector<std::string>& services);

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_REFLECTION_ANSWERS_H_
