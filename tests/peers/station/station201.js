// A charging station of OCPP 2.0.1 with a car on it: an independent peer.
//
//   node station201.js --csms ws://127.0.0.1:9000 --id EV1
//
// By `ocpp-rpc` in strict mode: every message of either side is held against its own copy of
// the OCA's JSON schemas. SIGTERM ends it: exit 0, or 3 if strict mode complained of anything.
'use strict';

const { parseArgs } = require('node:util');
const { RPCClient, createRPCError } = require('ocpp-rpc');
const { Car } = require('./car.js');
const { Profiles } = require('./profiles.js');

const { values: args } = parseArgs({
  options: { csms: { type: 'string' }, id: { type: 'string' } },
});

const MOST_A = 32;
const RETRY_MS = 200;
const TRANSACTION = '6a0b2f0e-3a54-4d2e-9b6c-0c2f6d1c9a11';
const EVSE = { id: 1, connectorId: 1 };
const car = new Car(MOST_A);
const profiles = new Profiles(MOST_A);
const complaints = [];
const variables = new Map([
  ['SampledDataCtrlr.TxUpdatedInterval', '60'],
  ['SampledDataCtrlr.TxUpdatedMeasurands', 'Power.Active.Import'],
  ['SampledDataCtrlr.TxStartedMeasurands', ''],
  ['SampledDataCtrlr.TxEndedMeasurands', ''],
  ['AlignedDataCtrlr.Interval', '0'],
  ['AlignedDataCtrlr.Measurands', 'Power.Active.Import'],
  ['OCPPCommCtrlr.HeartbeatInterval', '300'],
  ['SmartChargingCtrlr.RateUnit', 'A'],
  ['SmartChargingCtrlr.ProfileStackLevel', '8'],
  ['SmartChargingCtrlr.PeriodsPerSchedule', '24'],
]);
const MEASURANDS = {
  'Power.Active.Import': () => [car.powerW(), 'W'],
  'Energy.Active.Import.Register': () => [car.energyWh(), 'Wh'],
  'Current.Import': () => [car.currentA(), 'A'],
  'Current.Offered': () => [profiles.limitA(TRANSACTION), 'A'],
  Voltage: () => [car.voltageV(), 'V'],
};

let booted = false;
let sampling = null;
let ending = false;
let seqNo = 0;

const client = new RPCClient({
  endpoint: args.csms,
  identity: args.id,
  protocols: ['ocpp2.0.1'],
  strictMode: true,
  respondWithDetailedErrors: true,
  backoff: { initialDelay: RETRY_MS, maxDelay: 2 * RETRY_MS, factor: 1.5 },
});

const now = () => new Date().toISOString();
const accepted = { status: 'Accepted' };

function complain(what) {
  complaints.push(what);
  console.error(`complaint: ${what}`);
}

client.on('strictValidationFailure', ({ messageId, method, error }) =>
  complain(`${method} (${messageId}): ${error.message} ${JSON.stringify(error.details ?? {})}`));
client.on('badMessage', ({ error }) => complain(`bad message: ${error.message}`));

async function say(method, params) {
  try {
    return await client.call(method, params);
  } catch (error) {
    if (!ending && !/disconnect|not connected/i.test(error.message)) {
      complain(`${method}: ${error.message}`);
    }
    return null;
  }
}

const tellBoot = () => say('BootNotification', {
  reason: 'PowerUp',
  chargingStation: {
    vendorName: 'Peer', model: 'JS 2', serialNumber: 'P-2', firmwareVersion: '2.0',
  },
});

const tellStatus = () => say('StatusNotification', {
  timestamp: now(), connectorStatus: 'Occupied', evseId: 1, connectorId: 1,
});

function meterValue(variable, context) {
  const wanted = variables.get(variable).split(',').filter(Boolean);
  const sampledValue = wanted.map((measurand) => {
    const [value, unit] = MEASURANDS[measurand]();
    return { value: Number(value.toFixed(2)), measurand, context, unitOfMeasure: { unit } };
  });
  return sampledValue.length ? [{ timestamp: now(), sampledValue }] : undefined;
}

function tellTransaction(eventType, triggerReason, context) {
  const values = context && meterValue('SampledDataCtrlr.TxUpdatedMeasurands', context);
  const event = {
    eventType,
    timestamp: now(),
    triggerReason,
    seqNo,
    transactionInfo: { transactionId: TRANSACTION, chargingState: 'Charging' },
    ...(values ? { meterValue: values } : {}),
    ...(eventType === 'Started' ? { evse: EVSE } : {}),
  };
  seqNo += 1;
  return say('TransactionEvent', event);
}

const tellMeterValues = () => say('MeterValues', {
  evseId: 1, meterValue: meterValue('AlignedDataCtrlr.Measurands', 'Trigger'),
});

function sampleAnew() {
  clearInterval(sampling);
  const everyMs = 1000 * Number(variables.get('SampledDataCtrlr.TxUpdatedInterval'));
  const sample = () => tellTransaction('Updated', 'MeterValuePeriodic', 'Sample.Periodic');
  sampling = setInterval(sample, everyMs);
}

client.on('open', async () => {
  if (booted) return;
  booted = true;
  await tellBoot();
  await tellStatus();
  await tellTransaction('Started', 'CablePluggedIn');
  sampleAnew();
});

const nameOf = ({ component, variable }) => `${component.name}.${variable.name}`;

client.handle('GetVariables', ({ params: { getVariableData } }) => ({
  getVariableResult: getVariableData.map((item) => (variables.has(nameOf(item))
    ? { ...item, attributeStatus: 'Accepted', attributeValue: variables.get(nameOf(item)) }
    : { ...item, attributeStatus: 'UnknownVariable' })),
}));

function setVariable({ attributeValue, ...item }) {
  const name = nameOf(item);
  const list = name.endsWith('Measurands') ? attributeValue.split(',').filter(Boolean) : [];
  if (!variables.has(name)) return { ...item, attributeStatus: 'UnknownVariable' };
  if (!list.every((measurand) => measurand in MEASURANDS)) {
    return { ...item, attributeStatus: 'Rejected' };
  }
  variables.set(name, attributeValue);
  if (name === 'SampledDataCtrlr.TxUpdatedInterval') sampleAnew();
  return { ...item, attributeStatus: 'Accepted' };
}

client.handle('SetVariables', ({ params: { setVariableData } }) => ({
  setVariableResult: setVariableData.map(setVariable),
}));

client.handle('TriggerMessage', ({ params: { requestedMessage } }) => {
  const tell = {
    StatusNotification: tellStatus,
    MeterValues: tellMeterValues,
    TransactionEvent: () => tellTransaction('Updated', 'Trigger', 'Trigger'),
  }[requestedMessage];
  if (tell === undefined) return { status: 'NotImplemented' };
  setImmediate(tell);
  return accepted;
});

client.handle('SetChargingProfile', ({ params: { evseId, chargingProfile } }) => {
  const { id, chargingSchedule: [schedule], ...rest } = chargingProfile;
  const unknown = rest.transactionId !== undefined && rest.transactionId !== TRANSACTION;
  if (evseId > 1 || schedule.chargingRateUnit !== 'A' || unknown) {
    return { status: 'Rejected', statusInfo: { reasonCode: 'InvalidProfile' } };
  }
  profiles.install({ ...rest, chargingProfileId: id, chargingSchedule: schedule });
  car.offer(profiles.limitA(TRANSACTION));
  return accepted;
});

client.handle('ClearChargingProfile', ({ params: { chargingProfileId } }) => {
  const found = profiles.clear(chargingProfileId);
  car.offer(profiles.limitA(TRANSACTION));
  return { status: found ? 'Accepted' : 'Unknown' };
});

client.handle('GetCompositeSchedule', ({ params: { duration, evseId } }) => ({
  status: 'Accepted',
  schedule: {
    evseId,
    duration,
    scheduleStart: now(),
    chargingRateUnit: 'A',
    chargingSchedulePeriod: [{ startPeriod: 0, limit: profiles.limitA(TRANSACTION) }],
  },
}));

client.handle(({ method }) => {
  throw createRPCError('NotImplemented', `${method} is not for this station`);
});

async function connect() {
  try {
    await client.connect();
  } catch {
    if (!ending) setTimeout(connect, RETRY_MS); // the CSMS is not there yet
  }
}

console.log(`dialling ${args.csms}/${args.id}`);
connect();

process.on('SIGTERM', () => {
  ending = true;
  clearInterval(sampling);
  console.log(complaints.length ? `${complaints.length} complaints` : 'no complaint');
  process.exitCode = complaints.length ? 3 : 0;
  client.close({ force: true }).finally(() => process.exit());
});
