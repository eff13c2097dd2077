{{- define "offerstream.name" -}}
{{ .Release.Name }}-offerstream
{{- end }}
{{- define "offerstream.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- define "offerstream.selector" -}}
app.kubernetes.io/name: offerstream
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "offerstream.labels" -}}
app.kubernetes.io/name: offerstream
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "offerstream.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}
{{- define "offerstream.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}
