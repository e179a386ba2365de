#ifndef LOSSD_SERVER_PROCESS_DESCRIPTOR_LIMIT_H_
#define LOSSD_SERVER_PROCESS_DESCRIPTOR_LIMIT_H_

namespace lossd {

// Raises this process's limit of open files to the highest that it may have.
void RaiseDescriptorLimit();

// Returns how many more files this process may open.
int FreeDescriptors();

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_DESCRIPTOR_LIMIT_H_
